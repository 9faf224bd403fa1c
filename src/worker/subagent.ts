import type { Readable } from 'node:stream';

/** How the subagent's process ended. */
export interface SubagentExit {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Set when it never ran: the error code of starting it, or `sandbox` when bubblewrap gave up. */
  readonly startError?: string;
  /** True when it failed and its processes filled their limit at that moment. */
  readonly isOutOfProcesses: boolean;
}

/** A running subagent: its output, its end, and the only two things that are done to it. */
export interface Subagent {
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Never rejects. Other processes of the subagent may still run. */
  readonly exited: Promise<SubagentExit>;
  /** Asks every process of its group to end. */
  terminate(): void;
  /** Leaves no process of it; resolves once none is there. */
  killAll(): Promise<void>;
}

/** What to start it with. */
export interface SubagentProgram {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Given on its stdin, which then ends. Default: an empty stdin. */
  readonly stdin?: string | undefined;
  /** No file of it may grow past this. */
  readonly fileBytes: number;
  /** How many processes it may have. */
  readonly processes: number;
}

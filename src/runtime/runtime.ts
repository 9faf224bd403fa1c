import type { FailureCode } from '../contracts/run.ts';
import type { RuntimeName } from '../contracts/subagent.ts';
import type { TaskAgent, Usage } from '../contracts/task.ts';

/** What the supervisor executes on behalf of a runtime, as the subagent's user. */
export interface RuntimeCommand {
  readonly file: string;
  readonly arguments: readonly string[];
  /** Set over the subagent's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Written to its stdin, which then ends. Default: an empty stdin. */
  readonly stdin?: string;
}

/** Why a runtime did not do its work, when it knows better than an exit code says. `message` holds no text of the model's. */
export interface RuntimeFailure {
  readonly code: FailureCode;
  readonly message: string;
}

export interface RuntimeConclusion {
  readonly failure?: RuntimeFailure;
  readonly usage?: Usage;
  /** What it said last. */
  readonly summary?: string;
  /** The session that an answer can go on with. */
  readonly sessionId?: string;
}

/** Follows what a runtime prints. */
export interface RuntimeReader {
  /** Takes one line of stdout without its end, and gives what a person should see of it, '' for nothing. */
  onLine(line: string): string;
  /** True once going on can lead to nothing: the program is ended then, and the conclusion says why. */
  readonly isHopeless?: boolean;
  /** Called once, after the last line. */
  conclude(exit: { readonly exitCode: number | null; readonly startError?: string }): RuntimeConclusion;
}

/** Drives a subagent inside a worker: says what to execute for a task, and what its output means. */
export interface Runtime {
  readonly name: RuntimeName;
  /** Refuses before anything runs, from the agent and the environment it will get, secrets included. */
  check?(agent: TaskAgent, env: Readonly<Record<string, string>>): RuntimeFailure | undefined;
  command(agent: TaskAgent, env: Readonly<Record<string, string>>): RuntimeCommand;
  /** Absent: its output is shown and kept as it is. */
  reader?(): RuntimeReader;
  /** Folder below the subagent's HOME that holds its sessions, kept when it asks and put back for the answer. */
  readonly sessionFolder?: string;
}

/** What the supervisor hands to the runtime of that name. */
export type AgentOf<Name extends RuntimeName> = Extract<TaskAgent, { runtime: Name }>;

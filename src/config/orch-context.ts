import type { Anchor } from '../audit/anchor.ts';
import type { Declarations } from '../contracts/declarations.ts';
import type { MailboxSubmissionTransport } from '../orchestrator/submission-transport.ts';
import type { Storage } from '../storage/storage.ts';

export interface ServeOptions {
  /** Run commands without a sandbox where neither an engine nor bubblewrap is there. Default: false. */
  readonly allowUnsandboxed?: boolean;
  /** On the first signal wait for running items instead of leaving them. Default: false. */
  readonly drain?: boolean;
  /** Stops waiting, and the workers with it. */
  readonly stopWorkers?: AbortSignal;
  /** Receives lines for a person, one each. Default: stderr. */
  readonly onLine?: (line: string) => void;
}

/** What a config's `orch` export gives the `orch` commands. */
export interface OrchContext {
  readonly transport: MailboxSubmissionTransport;
  readonly storage: Storage;
  readonly declarations: Declarations;
  /** File with the public keys this project trusts. Default: the nearest `.agora/trust.json`. */
  readonly trust?: string;
  /** Anchors that `agora orch audit` reads back. Default: none, and a run earns what its bundle shows by itself. */
  readonly anchors?: readonly Anchor[];
  /** Runs the daemon until the signal. */
  runService(signal: AbortSignal, options?: ServeOptions): Promise<void>;
}

import type { Resources, Retry } from './plan.ts';
import type { Subagent } from './subagent.ts';

export interface QueueDeclaration {
  /** How many of its items run at once. Default: 2. */
  readonly concurrency?: number;
}

export interface TaskDeclarations {
  readonly resources?: Resources;
  readonly retry?: Retry;
  readonly timeoutSeconds?: number;
}

/** What a config declares that a plan may name or rely on; a plan is checked against it at submit and in the daemon. */
export interface Declarations {
  readonly queues: Readonly<Record<string, QueueDeclaration>>;
  readonly executors: readonly string[];
  readonly targets: readonly string[];
  readonly subagents: Readonly<Record<string, Subagent>>;
  /** Where what else a plan may name is registered. Default: `default`. */
  readonly namespace?: string;
  /** Absolute path of the directory a run starts from, when its plan names none. */
  readonly source?: string;
  readonly enforceLocks: boolean;
  readonly defaults: TaskDeclarations;
}

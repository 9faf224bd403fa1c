import type { Declarations } from '../contracts/declarations.ts';
import type { DispatchArtifact } from '../contracts/dispatch.ts';
import type { ArtifactRef, DeploymentId, DispatchId, ItemId, RunId } from '../contracts/ids.ts';
import type { Source } from '../contracts/mailbox.ts';
import type { Manifest } from '../contracts/manifest.ts';
import type { Plan, PlanItem } from '../contracts/plan.ts';
import type { FailureCode } from '../contracts/run.ts';
import type { QuestionView, Spent } from '../contracts/status.ts';

/** A run as its executor sees it. */
export interface ExecutorRun {
  readonly deploymentId: DeploymentId;
  readonly runId: RunId;
  readonly plan: Plan;
  readonly actor: string;
  readonly source: Source | undefined;
  readonly enforceLocks: boolean;
  readonly declarations: Declarations;
  /** Work may run without a sandbox where there is none. */
  readonly allowUnsandboxed: boolean;
  /** A folder for the run's own files, there from `open` to `close`. */
  readonly workFolder: string;
  /** Receives lines for a person. */
  readonly onLine: (line: string) => void;
}

export interface PatchSource {
  readonly item: ItemId;
  readonly ref: ArtifactRef;
}

/** A product of an earlier item, handed in as `inputs/<key>`. */
export interface NeedSource {
  readonly key: string;
  readonly ref: ArtifactRef;
}

/** One attempt about to be fired: all that decides its manifest. */
export interface AttemptRequest {
  readonly item: PlanItem;
  readonly attempt: number;
  readonly dispatchId: DispatchId;
  /** Patches its worktree is composed of, in commit order. */
  readonly patches: readonly PatchSource[];
  readonly needs: readonly NeedSource[];
  /** Set when it goes on with the answer to a question. */
  readonly resume?: Resume;
}

/** What an attempt goes on with that was asked for by an earlier one. */
export type Resume = NonNullable<Manifest['resume']>;

export interface Artifact {
  readonly port: DispatchArtifact['port'];
  /** Path of an output, name of a shell. */
  readonly path?: string;
  readonly ref: ArtifactRef;
  readonly sizeBytes: number;
  readonly mediaType: string;
}

/** The question of an attempt, and what it leaves for the one that goes on with the answer. */
export interface Asked {
  readonly question: QuestionView;
  readonly partialPatch?: ArtifactRef;
  readonly session?: ArtifactRef;
  readonly sessionId?: string;
}

/** How an attempt ended. `message` is ours, never text a worker printed. */
export interface AttemptOutcome {
  readonly outcome: 'done' | 'failed' | 'stopped' | 'lost' | 'needs-input';
  readonly code?: FailureCode;
  readonly message?: string;
  readonly exitCode?: number | null;
  /** What really ran: an image id or worker digest. */
  readonly image?: string;
  readonly durationMs: number;
  readonly artifacts: readonly Artifact[];
  /** Set with `needs-input`. */
  readonly asked?: Asked;
  readonly usage?: Spent;
  /** A person had a shell in its worktree. */
  readonly humanTouched?: true;
}

export interface ExecutedAttempt {
  readonly outcome: AttemptOutcome;
  /** Removes the worker. Called once the outcome is committed, so that a crash before that finds it again. */
  readonly release?: () => Promise<void>;
}

export interface AttemptSignals {
  /** Stop the work and collect what is there. */
  readonly stop: AbortSignal;
  /** The daemon goes away: leave what outlives it, stop what does not. With the reason `stop`, stop everything. */
  readonly detach: AbortSignal;
  /** Some seconds after `detach`: the daemon has no more time for what it has begun. */
  readonly expired: AbortSignal;
  /** Told what keeps the attempt waiting, and undefined once it goes on. Default: nobody. */
  readonly onWaiting?: (reason: string | undefined) => void;
}

export interface FiredManifest {
  readonly manifest: Manifest;
  /** An earlier daemon fired it. */
  readonly isResumed: boolean;
}

/** What an executor holds ready for one run. */
export interface RunExecution {
  /** Pure and synchronous: it is on the path of every item. */
  manifest(request: AttemptRequest): Manifest;
  /**
   * Runs one attempt to its end; every expected failure is an outcome. A resumed attempt is found and followed, or it
   * is `lost`. Resolves to undefined when it was left running on `detach`.
   */
  execute(request: AttemptRequest, fired: FiredManifest, signals: AttemptSignals): Promise<ExecutedAttempt | undefined>;
}

/**
 * How items run. `open` resolves what all attempts of a run rely on (image, subagents); it rejects with `unreachable`
 * when that may work later, and the run says so meanwhile. Other failures show in the attempts.
 */
export interface Executor {
  /** Names an item's `target` may have. Default: none. */
  readonly targets?: readonly string[];
  /** Where items run that name no target. */
  readonly defaultTarget?: string;
  /** Where what its items name is registered. Default: nothing is. */
  readonly namespace?: string;
  /** Where its items run, in words, for presence and logs. */
  describe(onProgress: (line: string) => void): Promise<string>;
  open(run: ExecutorRun, signal: AbortSignal): Promise<RunExecution>;
  /** Stops and removes whatever earlier daemons of this deployment left that is not among the live attempts. */
  sweep(deploymentId: DeploymentId, live: ReadonlySet<DispatchId>): Promise<void>;
  close(): Promise<void>;
}

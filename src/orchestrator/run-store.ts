import type { Seal } from '../audit/seal.ts';
import type { ArtifactRef, DeploymentId, Digest, RunId } from '../contracts/ids.ts';
import type { Source } from '../contracts/mailbox.ts';
import type { ItemStatus, RunStatus } from '../contracts/run.ts';
import type { Spent } from '../contracts/status.ts';
import type { Inquiry } from './board.ts';
import type { Artifact } from './executor.ts';

export interface StoredItem {
  readonly index: number;
  readonly status: ItemStatus;
  readonly attempt: number;
  readonly failures: number;
  readonly losses: number;
  readonly dueAt: number | undefined;
  readonly reason: string | undefined;
  readonly resultRef: ArtifactRef | undefined;
  readonly artifacts: readonly Artifact[];
  readonly doneAt: number | undefined;
  /** It runs and was cancelled: whoever finds it running stops it. */
  readonly isCancelling: boolean;
  readonly inquiry: Inquiry | undefined;
  readonly isHumanTouched: boolean;
  readonly usage: Spent | undefined;
}

/** What a run row holds that changes. */
export interface StoredProgress {
  readonly status: RunStatus;
  readonly cancelledBy: string | undefined;
  readonly nextSequence: number;
  readonly previousHash: string;
  readonly statusSequence: number;
  /** True in the commit that closes the run. */
  readonly isClosed: boolean;
}

export interface StoredRun extends StoredProgress {
  readonly runId: RunId;
  readonly planText: string;
  readonly planDigest: Digest;
  readonly actor: string;
  readonly submittedAt: string;
  readonly source: Source | undefined;
  readonly enforceLocks: boolean;
  readonly age: number;
}

/** A message the daemon owes the mailbox; written in the transaction that makes it true. */
export interface OutboxMessage {
  readonly key: string;
  readonly text: string;
}

export interface StoredManifest {
  readonly runId: RunId;
  readonly itemIndex: number;
  readonly attempt: number;
  readonly text: string;
}

/** Everything one turn changes. */
export interface Commit {
  readonly newRuns: readonly StoredRun[];
  readonly runs: readonly { readonly runId: RunId; readonly progress: StoredProgress }[];
  readonly items: readonly { readonly runId: RunId; readonly item: StoredItem }[];
  readonly records: readonly { readonly runId: RunId; readonly sequence: number; readonly text: string }[];
  readonly manifests: readonly StoredManifest[];
  readonly outbox: readonly OutboxMessage[];
  /** Messages up to and including this id were delivered and are forgotten; 0 for none. */
  readonly deliveredUpTo: number;
}

export interface RunLog {
  readonly run: StoredRun;
  readonly recordTexts: readonly string[];
  /** In the order they were fired. */
  readonly manifestTexts: readonly string[];
}

/** `sealed` comes before `published`: a crash between them publishes the seal that is there. */
export type RunPhase = 'live' | 'closed' | 'published';

/**
 * The daemon's memory. One owner at a time: `open` takes it for this process or raises `daemon-running`, naming who has
 * it. `commit` is one transaction, durable when it resolves; when it rejects nothing of it happened.
 * Failures raised: `daemon-running`, `state-corrupt`, `state-newer`, `disk-full`.
 */
export interface RunStore {
  open(deploymentId: DeploymentId): Promise<void>;
  /** Runs that are not published yet, oldest first, with every item that has changed since submission. */
  loadUnpublished(): Promise<
    { readonly run: StoredRun; readonly phase: RunPhase; readonly items: readonly StoredItem[] }[]
  >;
  findRun(runId: RunId): Promise<StoredRun | undefined>;
  /** The age the next run gets. */
  nextAge(): Promise<number>;
  commit(commit: Commit): Promise<void>;
  /** Messages after this id that were not forgotten yet, oldest first. */
  pendingOutbox(after: number, limit: number): Promise<(OutboxMessage & { readonly id: number })[]>;
  readLog(runId: RunId): Promise<RunLog>;
  /** Keeps the run's one seal: the first that comes, which is returned from then on. */
  keepSeal(runId: RunId, seal: Seal): Promise<Seal>;
  readSeal(runId: RunId): Promise<Seal | undefined>;
  /** `owesAnchors`: its seal has yet to reach one of its anchors. */
  markPublished(runId: RunId, outbox: readonly OutboxMessage[], owesAnchors: boolean): Promise<void>;
  /** Published runs that owe an anchor their seal, oldest first. */
  runsOwingAnchors(): Promise<RunId[]>;
  markAnchored(runId: RunId): Promise<void>;
  close(): Promise<void>;
}

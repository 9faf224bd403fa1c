import type { PlannedItem, PlannedRun } from './plan.ts';
import { type AuditRecord, artifactsOf, type RecordedArtifact, type RecordKind } from './record.ts';
import { Refusal } from './refusal.ts';

export type ReplayedStatus = 'pending' | 'ready' | 'running' | 'waiting' | 'done' | 'failed' | 'skipped' | 'cancelled';

export interface ReplayedItem {
  readonly id: string;
  readonly status: ReplayedStatus;
  /** 0 when it never started. */
  readonly attempt: number;
  readonly reason?: string;
  /** Ref of its patch, when it is done and changed something. */
  readonly resultRef?: string;
  /** A person had a shell in the worktree of what it shows. */
  readonly humanTouched?: true;
}

/** An artifact a record names, and where it came from. */
export type ListedArtifact = RecordedArtifact & { readonly item?: string; readonly attempt?: number };

export type FiredRecord = Extract<AuditRecord, { kind: 'item.fired' }>;

export interface ItemState {
  readonly plan: PlannedItem;
  status: ReplayedStatus;
  attempt: number;
  /** The attempt a result may still come for: the running one, or one that was cancelled. */
  openAttempt: number | undefined;
  /** True once another item was skipped because of it: it may not be retried any more. */
  isFinal: boolean;
  /** Why it was skipped, which also explains items skipped after it. */
  skippedBecause: string | undefined;
  reason: string | undefined;
  resultRef: string | undefined;
  readonly patches: Set<string>;
  inquiry: InquiryState | undefined;
  isHumanTouched: boolean;
}

/** Its last question, and what an attempt that goes on with the answer is handed. */
export interface InquiryState {
  readonly question: string;
  readonly partialPatch: string | undefined;
  readonly session: string | undefined;
  readonly isHumanTouched: boolean;
  answer: string | undefined;
}

export type RunOutcome = 'done' | 'failed' | 'cancelled';

export interface RunState {
  readonly plan: PlannedRun;
  readonly items: Map<string, ItemState>;
  readonly artifacts: ListedArtifact[];
  readonly fired: FiredRecord[];
  /** What each started attempt goes on with, in the order of `fired`. */
  readonly resumed: (Readonly<InquiryState> | undefined)[];
  readonly firstSeen: Map<string, number>;
  isCancelled: boolean;
  outcome: RunOutcome | undefined;
}

export function newState(plan: PlannedRun): RunState {
  const items = new Map<string, ItemState>();
  for (const item of plan.items) {
    if (items.has(item.id)) throw new Refusal('plan', `has the item "${item.id}" twice`);
    items.set(item.id, {
      plan: item,
      status: 'pending',
      attempt: 0,
      openAttempt: undefined,
      isFinal: false,
      skippedBecause: undefined,
      reason: undefined,
      resultRef: undefined,
      patches: new Set(),
      inquiry: undefined,
      isHumanTouched: false,
    });
  }
  return {
    plan,
    items,
    artifacts: [],
    fired: [],
    resumed: [],
    firstSeen: new Map(),
    isCancelled: false,
    outcome: undefined,
  };
}

export type RecordOf<K extends RecordKind> = Extract<AuditRecord, { kind: K }>;

export function listArtifacts(state: RunState, record: AuditRecord): void {
  const seen = new Set<string>();
  for (const artifact of artifactsOf(record)) {
    const name = artifactName(artifact);
    if (seen.has(name)) throw refused(record, `names the artifact "${name}" twice`);
    seen.add(name);
    const { item, attempt } = record;
    state.artifacts.push({
      ...(item === undefined ? {} : { item }),
      ...(attempt === undefined ? {} : { attempt }),
      ...artifact,
    });
    if (!state.firstSeen.has(artifact.ref)) state.firstSeen.set(artifact.ref, record.seq);
  }
}

/** Names an artifact within its attempt: its port, and its path where the port has several. */
export function artifactName(artifact: RecordedArtifact): string {
  return artifact.path === undefined ? artifact.port : `${artifact.port}/${artifact.path}`;
}

export function itemOf(state: RunState, record: AuditRecord): ItemState {
  const item = state.items.get(record.item ?? '');
  if (item === undefined) throw refused(record, `names the item "${record.item}", which the plan does not have`);
  return item;
}

export function dependencyOf(state: RunState, id: string, record: AuditRecord): ItemState {
  const item = state.items.get(id);
  if (item === undefined) throw refused(record, `depends on "${id}", which the plan does not have`);
  return item;
}

export function isTerminal(status: ReplayedStatus): boolean {
  return status === 'done' || status === 'failed' || status === 'skipped' || status === 'cancelled';
}

export function endedBadly(item: ItemState): boolean {
  return isTerminal(item.status) && item.status !== 'done';
}

/** A failed attempt may still be cancelled: it may have failed because it was being stopped, or wait for its retry. */
export function isCancellable(item: ItemState): boolean {
  return !isTerminal(item.status) || (item.status === 'failed' && !item.isFinal);
}

export function refused(record: AuditRecord, message: string): Refusal {
  return new Refusal(placeOf(record), message);
}

export function placeOf(record: AuditRecord): string {
  return `auditLog.entries[${record.seq}]`;
}

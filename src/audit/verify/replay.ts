import type { PlannedItem, PlannedRun } from './plan.ts';
import type { AuditRecord, RecordedArtifact, RecordKind } from './record.ts';
import { Refusal } from './refusal.ts';

export type ReplayedStatus = 'pending' | 'ready' | 'running' | 'done' | 'failed' | 'skipped' | 'cancelled';

export interface ReplayedItem {
  readonly id: string;
  readonly status: ReplayedStatus;
  /** 0 when it never started. */
  readonly attempt: number;
  readonly reason?: string;
  /** Ref of its patch, when it is done and changed something. */
  readonly resultRef?: string;
}

/** An artifact a record names, and where it came from. */
export type ListedArtifact = RecordedArtifact & { readonly item?: string; readonly attempt?: number };

export type FiredRecord = Extract<AuditRecord, { kind: 'item.fired' }>;

export interface Replay {
  readonly items: readonly ReplayedItem[];
  readonly outcome: 'done' | 'failed' | 'cancelled';
  /** In the order of the records. */
  readonly artifacts: readonly ListedArtifact[];
  readonly fired: readonly FiredRecord[];
  /** Sequence number of the first record that names an artifact, by its ref. */
  readonly firstSeen: ReadonlyMap<string, number>;
}

/** What the records of a run say happened. Refuses a sequence no scheduler could have produced from this plan. */
export function replay(plan: PlannedRun, records: readonly AuditRecord[]): Replay {
  const state = newState(plan);
  for (const record of records) {
    if (state.outcome !== undefined) throw refused(record, 'comes after run.closed');
    if ((record.seq === 0) !== (record.kind === 'run.submitted')) {
      throw refused(record, 'must be run.submitted if it is the first, and only then');
    }
    transitionOf(record.kind)(state, record);
  }
  if (state.outcome === undefined) throw new Refusal('auditLog.entries', 'must end with run.closed');
  return {
    items: [...state.items.values()].map(viewOf),
    outcome: state.outcome,
    artifacts: state.artifacts,
    fired: state.fired,
    firstSeen: state.firstSeen,
  };
}

interface ItemState {
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
}

interface RunState {
  readonly plan: PlannedRun;
  readonly items: Map<string, ItemState>;
  readonly artifacts: ListedArtifact[];
  readonly fired: FiredRecord[];
  readonly firstSeen: Map<string, number>;
  isCancelled: boolean;
  outcome: Replay['outcome'] | undefined;
}

function newState(plan: PlannedRun): RunState {
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
    });
  }
  return { plan, items, artifacts: [], fired: [], firstSeen: new Map(), isCancelled: false, outcome: undefined };
}

type RecordOf<K extends RecordKind> = Extract<AuditRecord, { kind: K }>;

const transitions: { [K in RecordKind]: (state: RunState, record: RecordOf<K>) => void } = {
  'run.submitted': (state, record) => {
    if (record.body.planDigest !== state.plan.digest) throw refused(record, 'names another plan');
    if (record.body.itemCount !== state.items.size) throw refused(record, 'counts other items than the plan has');
  },
  'item.fired': fire,
  'item.result': takeResult,
  'item.retried': (state, record) => {
    const item = itemOf(state, record);
    if (item.status !== 'failed' || item.attempt !== record.attempt || item.isFinal) {
      throw refused(record, `retries attempt ${record.attempt} of "${record.item}", which is not one that just failed`);
    }
    item.status = 'ready';
    item.reason = undefined;
  },
  'item.skipped': skip,
  'item.cancelled': (state, record) => {
    const item = itemOf(state, record);
    if (!isCancellable(item) || (record.attempt !== undefined && record.attempt !== item.attempt)) {
      throw refused(record, `cancels "${record.item}", which is ${item.status}`);
    }
    item.status = 'cancelled';
    item.reason = record.body.actor === undefined ? 'cancelled' : `cancelled by ${record.body.actor}`;
  },
  'run.cancelled': (state, record) => {
    if (state.isCancelled) throw refused(record, 'cancels a run that was cancelled before');
    state.isCancelled = true;
  },
  'audit.gap': (state, record) => {
    if (record.item !== undefined) itemOf(state, record);
    list(state, record, record.body.artifacts ?? []);
  },
  'key.changed': () => {
    // Says which key seals from here on; the seal itself names the one it was made with.
  },
  'run.closed': close,
};

/** The table entry for a kind takes that kind's record; the union of them cannot say so. */
function transitionOf(kind: RecordKind): (state: RunState, record: AuditRecord) => void {
  return transitions[kind] as (state: RunState, record: AuditRecord) => void;
}

function fire(state: RunState, record: RecordOf<'item.fired'>): void {
  const item = itemOf(state, record);
  if (state.isCancelled) throw refused(record, 'starts an item of a cancelled run');
  if (item.status !== 'pending' && item.status !== 'ready') {
    throw refused(record, `starts "${record.item}", which is ${item.status}`);
  }
  if (record.attempt <= item.attempt) throw refused(record, `starts attempt ${record.attempt} after ${item.attempt}`);
  for (const id of item.plan.dependencies) {
    const { status } = dependencyOf(state, id, record);
    const hasEnded = item.plan.runsAfterFailure ? isTerminal(status) : status === 'done';
    if (!hasEnded) throw refused(record, `starts "${record.item}" while "${id}" is ${status}`);
  }
  for (const [index, patch] of record.body.patches.entries()) {
    if (!state.items.get(patch.item)?.patches.has(patch.ref)) {
      const message = `is no patch that "${patch.item}" made before`;
      throw new Refusal(`${placeOf(record)}.body.patches[${index}].ref`, message);
    }
  }
  item.status = 'running';
  item.attempt = record.attempt;
  item.openAttempt = record.attempt;
  state.fired.push(record);
}

function takeResult(state: RunState, record: RecordOf<'item.result'>): void {
  const item = itemOf(state, record);
  if (item.openAttempt !== record.attempt) {
    throw refused(record, `is a result of attempt ${record.attempt} of "${record.item}", which is not running`);
  }
  item.openAttempt = undefined;
  list(state, record, record.body.artifacts);
  const patch = record.body.artifacts.find((artifact) => artifact.port === 'patch');
  if (patch !== undefined) item.patches.add(patch.ref);
  if (item.status === 'cancelled') return;
  item.status = record.body.outcome === 'done' ? 'done' : 'failed';
  if (item.status === 'done') item.resultRef = patch?.ref;
  else item.reason = [record.body.code ?? record.body.outcome, record.body.message].filter(Boolean).join(': ');
}

function skip(state: RunState, record: RecordOf<'item.skipped'>): void {
  const item = itemOf(state, record);
  if (item.status !== 'pending') throw refused(record, `skips "${record.item}", which is ${item.status}`);
  const { because } = record.body;
  const explains = item.plan.dependencies.some((id) => {
    const dependency = dependencyOf(state, id, record);
    return endedBadly(dependency) && (id === because || dependency.skippedBecause === because);
  });
  const cause = state.items.get(because);
  if (!explains || cause === undefined)
    throw refused(record, `skips "${record.item}" without a reason in "${because}"`);
  cause.isFinal = true;
  item.status = 'skipped';
  item.skippedBecause = because;
  item.reason = `item "${because}" is ${cause.status}`;
}

function close(state: RunState, record: RecordOf<'run.closed'>): void {
  const counts: Record<string, number> = {};
  for (const item of state.items.values()) {
    if (!isTerminal(item.status)) throw refused(record, `closes the run while "${item.plan.id}" is ${item.status}`);
    counts[item.status] = (counts[item.status] ?? 0) + 1;
  }
  for (const status of new Set([...Object.keys(counts), ...Object.keys(record.body.counts)])) {
    const [found, claimed] = [counts[status] ?? 0, record.body.counts[status] ?? 0];
    if (found !== claimed) throw refused(record, `counts ${claimed} items as ${status}, there are ${found}`);
  }
  const isDone = counts['done'] === state.items.size;
  const isWrong =
    isDone !== (record.body.outcome === 'done') ||
    (record.body.outcome === 'cancelled' && !state.isCancelled && counts['cancelled'] === undefined);
  if (isWrong) throw refused(record, `says the run is ${record.body.outcome}, which its items do not show`);
  state.outcome = record.body.outcome;
}

function list(
  state: RunState,
  record: RecordOf<'item.result' | 'audit.gap'>,
  artifacts: readonly RecordedArtifact[],
): void {
  const seen = new Set<string>();
  for (const artifact of artifacts) {
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

function itemOf(state: RunState, record: AuditRecord): ItemState {
  const item = state.items.get(record.item ?? '');
  if (item === undefined) throw refused(record, `names the item "${record.item}", which the plan does not have`);
  return item;
}

function dependencyOf(state: RunState, id: string, record: AuditRecord): ItemState {
  const item = state.items.get(id);
  if (item === undefined) throw refused(record, `depends on "${id}", which the plan does not have`);
  return item;
}

function isTerminal(status: ReplayedStatus): boolean {
  return status === 'done' || status === 'failed' || status === 'skipped' || status === 'cancelled';
}

function endedBadly(item: ItemState): boolean {
  return isTerminal(item.status) && item.status !== 'done';
}

/** A failed attempt may still be cancelled: it may have failed because it was being stopped, or wait for its retry. */
function isCancellable(item: ItemState): boolean {
  return !isTerminal(item.status) || (item.status === 'failed' && !item.isFinal);
}

function viewOf(item: ItemState): ReplayedItem {
  return {
    id: item.plan.id,
    status: item.status,
    attempt: item.attempt,
    ...(item.reason === undefined ? {} : { reason: item.reason }),
    ...(item.resultRef === undefined ? {} : { resultRef: item.resultRef }),
  };
}

function refused(record: AuditRecord, message: string): Refusal {
  return new Refusal(placeOf(record), message);
}

function placeOf(record: AuditRecord): string {
  return `auditLog.entries[${record.seq}]`;
}

import type { PlannedRun } from './plan.ts';
import type { AuditRecord, RecordKind } from './record.ts';
import { Refusal } from './refusal.ts';
import { askQuestion, takeAnswer } from './replay-inquiry.ts';
import {
  dependencyOf,
  endedBadly,
  type FiredRecord,
  type ItemState,
  isCancellable,
  isTerminal,
  itemOf,
  type ListedArtifact,
  listArtifacts,
  newState,
  placeOf,
  type RecordOf,
  type ReplayedItem,
  type RunOutcome,
  type RunState,
  refused,
} from './replay-state.ts';

export interface Replay {
  readonly items: readonly ReplayedItem[];
  readonly outcome: RunOutcome;
  /** In the order of the records. */
  readonly artifacts: readonly ListedArtifact[];
  readonly fired: readonly FiredRecord[];
  /** What each started attempt goes on with, in the order of `fired`. */
  readonly resumed: RunState['resumed'];
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
    resumed: state.resumed,
    firstSeen: state.firstSeen,
  };
}

const transitions: { [K in RecordKind]: (state: RunState, record: RecordOf<K>) => void } = {
  'run.submitted': (state, record) => {
    if (record.body.planDigest !== state.plan.digest) throw refused(record, 'names another plan');
    if (record.body.itemCount !== state.items.size) throw refused(record, 'counts other items than the plan has');
  },
  'item.fired': fire,
  'item.result': takeResult,
  'item.answered': takeAnswer,
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
    listArtifacts(state, record);
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
  // As it is now: what follows may change it.
  state.resumed.push(item.inquiry?.answer === undefined ? undefined : { ...item.inquiry });
}

function takeResult(state: RunState, record: RecordOf<'item.result'>): void {
  const item = itemOf(state, record);
  if (item.openAttempt !== record.attempt) {
    throw refused(record, `is a result of attempt ${record.attempt} of "${record.item}", which is not running`);
  }
  item.openAttempt = undefined;
  listArtifacts(state, record);
  const patch = record.body.artifacts.find((artifact) => artifact.port === 'patch');
  if (patch !== undefined) item.patches.add(patch.ref);
  item.isHumanTouched = record.body.humanTouched === true || item.inquiry?.isHumanTouched === true;
  if (item.status === 'cancelled') return;
  if (record.body.outcome === 'needs-input') {
    askQuestion(item, record);
    return;
  }
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

function viewOf(item: ItemState): ReplayedItem {
  return {
    id: item.plan.id,
    status: item.status,
    attempt: item.attempt,
    ...(item.reason === undefined ? {} : { reason: item.reason }),
    ...(item.resultRef === undefined ? {} : { resultRef: item.resultRef }),
    ...(item.isHumanTouched ? { humanTouched: true } : {}),
  };
}

import { retryDefaults } from '../contracts/names.ts';
import type { Retry } from '../contracts/plan.ts';
import type { FailureCode } from '../contracts/run.ts';
import type { Board, ItemNode } from './board.ts';
import type { AttemptOutcome } from './executor.ts';
import { ask } from './inquiry.ts';
import { holderOf, takeLocks } from './lock-table.ts';
import type { SchedulePolicy } from './schedule.ts';
import { cancelNode, releaseSlot, settle } from './settle.ts';
import { addSpent } from './spent.ts';
import { record, type Turn, touch } from './turn.ts';

/** Before jitter, which adds at most a quarter. */
const longestRetryDelayMs = 86_400_000;

export interface FinishedAttempt {
  readonly node: ItemNode;
  readonly attempt: number;
  readonly outcome: AttemptOutcome;
}

/** An attempt ended. A result of any attempt but the current one is kept as evidence and changes nothing. */
export function finishAttempt(board: Board, turn: Turn, finished: FinishedAttempt, policy: SchedulePolicy): void {
  const { node, attempt, outcome } = finished;
  if (node.status !== 'running' || node.attempt !== attempt) {
    recordLateResult(turn, finished);
    return;
  }
  releaseSlot(board, node);
  const sequence = recordResult(turn, finished);
  node.isHumanTouched = outcome.humanTouched === true || node.inquiry?.isHumanTouched === true;
  node.usage = addSpent(node.usage, outcome.usage);
  if (outcome.outcome === 'done') completeItem(board, turn, node, { sequence, outcome });
  else if (node.isCancelling) cancelNode(board, turn, node);
  else if (outcome.asked !== undefined) ask(turn, node, outcome.asked);
  else retryOrFail(board, turn, node, { outcome, policy });
}

function completeItem(
  board: Board,
  turn: Turn,
  node: ItemNode,
  result: { readonly sequence: number; readonly outcome: AttemptOutcome },
): void {
  const patch = result.outcome.artifacts.find((artifact) => artifact.port === 'patch');
  node.resultRef = patch?.ref;
  node.artifacts = result.outcome.artifacts;
  node.doneAt = result.sequence;
  rememberPatch(node);
  settle(board, turn, node, 'done');
}

/** Remembers what a done item brings to those after it; also when rows are read back, in the order they were done. */
export function rememberPatch(node: ItemNode): void {
  if (node.resultRef === undefined) return;
  node.run.patched.push(node);
  for (const key of node.locks) {
    const before = holderOf(node.run.doneUnderLock, key);
    if (before === undefined) takeLocks(node.run.doneUnderLock, [key], [node]);
    else before.push(node);
  }
}

function retryOrFail(
  board: Board,
  turn: Turn,
  node: ItemNode,
  ended: { readonly outcome: AttemptOutcome; readonly policy: SchedulePolicy },
): void {
  const { outcome, policy } = ended;
  node.reason = describeFailure(outcome);
  const delayMs = nextDelayMs(node, outcome, policy);
  if (delayMs === undefined) {
    settle(board, turn, node, 'failed');
    return;
  }
  node.status = 'ready';
  node.dueAt = turn.nowMs + delayMs;
  touch(turn, node);
  board.timers.push(node);
  record(turn, node.run, {
    kind: 'item.retried',
    item: node.id,
    attempt: node.attempt,
    body: { dueAt: new Date(node.dueAt).toISOString(), because: outcome.code ?? outcome.outcome },
  });
}

/** Milliseconds until the next attempt, or undefined when there is none. Counts the attempt against its limit. */
function nextDelayMs(node: ItemNode, outcome: AttemptOutcome, policy: SchedulePolicy): number | undefined {
  if (outcome.code === 'interrupted') return 0;
  const retry = mergeRetry(policy.retry, node.plan.retry);
  const isLost = outcome.outcome === 'lost';
  const count = isLost ? ++node.losses : ++node.failures;
  if (count >= (isLost ? retry.lostAttempts : retry.attempts) || isPointless(outcome)) return undefined;
  const jitter = 0.75 + ((node.index * 2_654_435_761 + node.attempt * 40_503) % 1000) / 2000;
  return Math.round(Math.min(retry.delaySeconds * 1000 * 2 ** (count - 1), longestRetryDelayMs) * jitter);
}

interface RetryLimits {
  readonly attempts: number;
  readonly lostAttempts: number;
  readonly delaySeconds: number;
}

function mergeRetry(configured: Retry | undefined, own: Retry | undefined): RetryLimits {
  return {
    attempts: own?.attempts ?? configured?.attempts ?? retryDefaults.attempts,
    lostAttempts: own?.lostAttempts ?? configured?.lostAttempts ?? retryDefaults.lostAttempts,
    delaySeconds: own?.delaySeconds ?? configured?.delaySeconds ?? retryDefaults.delaySeconds,
  };
}

const pointless: ReadonlySet<FailureCode> = new Set([
  'patch-conflict',
  'refused',
  'image-missing',
  'secret-missing',
  'runtime-missing',
  'key-missing',
  'key-refused',
]);

/** The same inputs can only fail the same way. */
function isPointless(outcome: AttemptOutcome): boolean {
  return outcome.code !== undefined && pointless.has(outcome.code);
}

function describeFailure(outcome: AttemptOutcome): string {
  const code = outcome.code ?? outcome.outcome;
  return outcome.message === undefined ? code : `${code}: ${outcome.message}`;
}

function recordResult(turn: Turn, { node, attempt, outcome }: FinishedAttempt): number {
  if (outcome.outcome === 'lost') {
    const body = { reason: 'worker-lost', ...(outcome.message === undefined ? {} : { detail: outcome.message }) };
    record(turn, node.run, { kind: 'audit.gap', item: node.id, attempt, body });
  }
  return record(turn, node.run, { kind: 'item.result', item: node.id, attempt, body: resultBody(outcome) });
}

function recordLateResult(turn: Turn, { node, attempt, outcome }: FinishedAttempt): void {
  if (node.run.openItems === 0) return;
  const body = { reason: 'late-result', artifacts: resultBody(outcome).artifacts };
  record(turn, node.run, { kind: 'audit.gap', item: node.id, attempt, body });
}

function resultBody(outcome: AttemptOutcome) {
  return {
    outcome: outcome.outcome,
    ...(outcome.code === undefined ? {} : { code: outcome.code }),
    ...(outcome.message === undefined ? {} : { message: outcome.message }),
    ...(outcome.exitCode === undefined ? {} : { exitCode: outcome.exitCode }),
    ...(outcome.image === undefined ? {} : { image: outcome.image }),
    ...(outcome.usage === undefined ? {} : { usage: outcome.usage }),
    ...(outcome.humanTouched === undefined ? {} : { humanTouched: outcome.humanTouched }),
    durationMs: Math.round(outcome.durationMs),
    artifacts: outcome.artifacts.map((artifact) => ({ ...artifact })),
  };
}

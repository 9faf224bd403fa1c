import type { Retry } from '../contracts/plan.ts';
import { isTerminalItem, type RunStatus } from '../contracts/run.ts';
import type { Board, ItemNode, RunBoard } from './board.ts';
import { enqueue } from './ready.ts';
import { cancelNode, makeReady } from './settle.ts';
import { record, type Turn, touch } from './turn.ts';

/** What the functions of this file decide with, besides the board: the same for every turn. */
export interface SchedulePolicy {
  readonly engine: { readonly name: string; readonly version: string };
  readonly anchors: readonly string[];
  readonly retry: Retry | undefined;
}

/** Takes a new run onto the board. */
export function admitRun(board: Board, turn: Turn, run: RunBoard, policy: SchedulePolicy): void {
  board.runs.set(run.runId, run);
  turn.admitted.push(run);
  record(turn, run, {
    kind: 'run.submitted',
    body: {
      planDigest: run.planDigest,
      actor: run.actor,
      submittedAt: run.submittedAt,
      itemCount: run.items.length,
      engine: { ...policy.engine },
      anchors: [...policy.anchors],
      effective: {
        queue: run.plan.queue,
        concurrency: board.queues.get(run.plan.queue)?.concurrency ?? 0,
        enforceLocks: run.enforceLocks,
        ...(run.source === undefined ? {} : { source: run.source.snapshot }),
      },
    },
  });
  for (const node of run.items) if (node.unmet === 0) makeReady(board, turn, node);
}

/** The executor resolved what the run needs: its items may start. */
export function openRun(turn: Turn, run: RunBoard): void {
  run.isOpen = true;
  run.reason = undefined;
  run.status = 'running';
  turn.touchedRuns.add(run);
}

/** The run waits for something outside, such as an engine that does not answer. */
export function holdRun(turn: Turn, run: RunBoard, reason: string): void {
  if (run.reason === reason) return;
  run.reason = reason;
  turn.touchedRuns.add(run);
}

/** An attempt waits for something that is away; with no reason it goes on. One of an attempt before changes nothing. */
export function holdItem(turn: Turn, node: ItemNode | undefined, { attempt, reason }: AttemptWait): void {
  if (node?.status !== 'running' || node.attempt !== attempt || node.reason === reason) return;
  node.reason = reason;
  touch(turn, node);
}

export interface AttemptWait {
  readonly attempt: number;
  readonly reason: string | undefined;
}

/** Attempts of the run went on while no daemon looked: the log says so. */
export function noteAbsence(turn: Turn, run: RunBoard): void {
  const attempts = run.running.size === 1 ? '1 attempt was' : `${run.running.size} attempts were`;
  const body = { reason: 'daemon-away', detail: `${attempts} not observed meanwhile` };
  record(turn, run, { kind: 'audit.gap', body });
}

/** Cancels one item, or with no item the run. Running work is stopped; its end settles it. */
export function cancel(
  board: Board,
  turn: Turn,
  target: { readonly run: RunBoard; readonly node?: ItemNode; readonly actor: string },
): void {
  const { run, node, actor } = target;
  if (node === undefined && run.cancelledBy === undefined) {
    run.cancelledBy = actor;
    record(turn, run, { kind: 'run.cancelled', body: { actor } });
  }
  for (const item of node === undefined ? run.items : [node]) {
    if (isTerminalItem(item.status) || item.isCancelling) continue;
    if (item.status === 'running') {
      item.isCancelling = true;
      turn.stopping.add(item);
      touch(turn, item);
    } else {
      cancelNode(board, turn, item);
    }
  }
}

/** Items whose retry time has come become ready. */
export function wakeTimers(board: Board, turn: Turn): void {
  for (let node = board.timers.peek(); node !== undefined; node = board.timers.peek()) {
    if ((node.dueAt ?? 0) > turn.nowMs) return;
    board.timers.pop();
    if (node.status !== 'ready' || node.dueAt === undefined) continue;
    node.dueAt = undefined;
    touch(turn, node);
    enqueue(board, node);
  }
}

/** Closes every touched run that has nothing left to do. */
export function closeRuns(board: Board, turn: Turn): void {
  for (const run of turn.touchedRuns) {
    if (run.openItems > 0 || !board.runs.has(run.runId)) continue;
    const outcome = runOutcome(run);
    record(turn, run, { kind: 'run.closed', body: { outcome, counts: countStatuses(run.items) } });
    run.status = outcome;
    board.runs.delete(run.runId);
    turn.closed.add(run);
  }
}

function countStatuses(items: readonly ItemNode[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[item.status] = (counts[item.status] ?? 0) + 1;
  return counts;
}

function runOutcome(run: RunBoard): Extract<RunStatus, 'done' | 'failed' | 'cancelled'> {
  if (run.items.every((item) => item.status === 'done')) return 'done';
  if (run.cancelledBy !== undefined) return 'cancelled';
  return run.items.some((item) => item.status === 'failed') ? 'failed' : 'cancelled';
}

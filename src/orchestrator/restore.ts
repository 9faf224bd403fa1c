import { AppError } from '../contracts/errors.ts';
import { planSchema } from '../contracts/plan.ts';
import { isTerminalItem } from '../contracts/run.ts';
import { rememberPatch } from './attempt-end.ts';
import { type Board, type ItemNode, newRunBoard, type RunBoard } from './board.ts';
import { takeLocks } from './lock-table.ts';
import { enqueue } from './ready.ts';
import type { StoredItem, StoredRun } from './run-store.ts';

/** A run as its rows say. */
export function restoreRun(stored: StoredRun, items: readonly StoredItem[]): RunBoard {
  const plan = parsePlan(stored);
  const run = newRunBoard({ ...stored, plan: { ...plan, id: stored.runId } });
  run.status = stored.status;
  run.cancelledBy = stored.cancelledBy;
  run.log = { nextSequence: stored.nextSequence, previousHash: stored.previousHash };
  run.statusSequence = stored.statusSequence;
  for (const item of items) restoreItem(run, item);
  for (const node of doneInOrder(run)) rememberPatch(node);
  for (const node of run.items) {
    node.unmet = node.dependencies.filter((dependency) => !isTerminalItem(dependency.status)).length;
  }
  run.openItems = run.items.filter((node) => !isTerminalItem(node.status)).length;
  return run;
}

/** Puts a restored run where the scheduler finds it: running items hold their slots and locks, ready ones queue. */
export function placeRun(board: Board, run: RunBoard): void {
  board.runs.set(run.runId, run);
  for (const node of run.items) {
    if (node.status === 'running') {
      board.queues.get(run.plan.queue)?.running.add(node);
      run.running.add(node);
      takeLocks(board.locks, node.locks, node);
    } else if (node.status === 'waiting') {
      run.waiting.add(node);
    } else if (node.status === 'ready') {
      if (node.dueAt === undefined) enqueue(board, node);
      else board.timers.push(node);
    }
  }
}

function restoreItem(run: RunBoard, stored: StoredItem): void {
  const node = run.items[stored.index];
  if (node === undefined) {
    throw new AppError(
      'state-corrupt',
      `Cannot restore run "${run.runId}": its rows name item ${stored.index}, which its plan lacks`,
    );
  }
  const { index: _, ...state } = stored;
  Object.assign(node, state);
}

function doneInOrder(run: RunBoard): ItemNode[] {
  return run.items
    .filter((node) => node.status === 'done')
    .sort((left, right) => (left.doneAt ?? 0) - (right.doneAt ?? 0));
}

function parsePlan(stored: StoredRun) {
  const parsed = planSchema.safeParse(JSON.parse(stored.planText));
  if (parsed.success) return parsed.data;
  throw new AppError(
    'state-corrupt',
    `Cannot restore run "${stored.runId}": its plan does not have the expected form`,
    {
      cause: parsed.error,
    },
  );
}

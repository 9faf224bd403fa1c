import { type ItemStatus, isTerminalItem } from '../contracts/run.ts';
import type { Board, ItemNode } from './board.ts';
import { releaseLocks } from './lock-table.ts';
import { enqueue } from './ready.ts';
import { record, type Turn, touch } from './turn.ts';

export function makeReady(board: Board, turn: Turn, node: ItemNode): void {
  node.status = 'ready';
  touch(turn, node);
  enqueue(board, node);
}

export function cancelNode(board: Board, turn: Turn, node: ItemNode): void {
  const attempt = node.attempt > 0 ? { attempt: node.attempt } : {};
  record(turn, node.run, { kind: 'item.cancelled', item: node.id, ...attempt, body: {} });
  node.reason = 'cancelled';
  settle(board, turn, node, 'cancelled');
}

type Terminal = Extract<ItemStatus, 'done' | 'failed' | 'skipped' | 'cancelled'>;

/** Gives an item its last status and lets everything that waited for it go on or be skipped, however deep. */
export function settle(board: Board, turn: Turn, first: ItemNode, status: Terminal): void {
  const settled: ItemNode[] = [];
  endItem(board, turn, first, status);
  settled.push(first);
  for (let index = 0; index < settled.length; index++) {
    const node = settled[index] as ItemNode;
    for (const dependent of node.dependents) {
      dependent.unmet--;
      if (dependent.status !== 'pending') continue;
      if (node.status === 'done' || dependent.plan.onFailure === 'run') {
        touch(turn, dependent);
        if (dependent.unmet === 0) makeReady(board, turn, dependent);
        continue;
      }
      dependent.reason = `item "${node.id}" is ${node.status}`;
      record(turn, dependent.run, { kind: 'item.skipped', item: dependent.id, body: { because: node.id } });
      endItem(board, turn, dependent, 'skipped');
      settled.push(dependent);
    }
  }
}

function endItem(board: Board, turn: Turn, node: ItemNode, status: Terminal): void {
  if (isTerminalItem(node.status)) return;
  node.status = status;
  node.dueAt = undefined;
  node.isCancelling = false;
  node.run.waiting.delete(node);
  if (status === 'done') node.reason = undefined;
  node.run.openItems--;
  if (node.parkedOn !== undefined) board.lockWaiters.get(node.parkedOn)?.delete(node);
  node.parkedOn = undefined;
  touch(turn, node);
}

/** Gives back the slot and the locks of an attempt that ended, and wakes who waited for them. */
export function releaseSlot(board: Board, node: ItemNode): void {
  node.run.running.delete(node);
  board.queues.get(node.run.plan.queue)?.running.delete(node);
  releaseLocks(board.locks, node.locks);
  for (const key of node.locks) {
    const waiters = board.lockWaiters.get(key);
    if (waiters === undefined) continue;
    board.lockWaiters.delete(key);
    for (const waiter of waiters) {
      waiter.parkedOn = undefined;
      if (waiter.status === 'ready') enqueue(board, waiter);
    }
  }
}

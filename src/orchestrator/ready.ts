import { requestOf } from './attempt-request.ts';
import type { Board, ItemNode, QueueBoard, RunBoard } from './board.ts';
import { readyHeap } from './board.ts';
import { clashingKey, takeLocks } from './lock-table.ts';
import { record, type Turn, type TurnContext, touch } from './turn.ts';

/** Puts a ready item where its queue finds it. */
export function enqueue(board: Board, node: ItemNode): void {
  const queue = board.queues.get(node.run.plan.queue);
  if (queue === undefined || node.dueAt !== undefined) return;
  let heap = queue.ready.get(node.run);
  if (heap === undefined) {
    heap = readyHeap();
    queue.ready.set(node.run, heap);
  }
  heap.push(node);
}

/** Fires ready items while their queue has slots, in the order priority, fair share between runs, age. */
export function fillSlots(board: Board, turn: Turn, context: TurnContext): void {
  for (const queue of board.queues.values()) {
    while (queue.running.size < queue.concurrency) {
      const node = nextReady(queue);
      if (node === undefined) break;
      const clash = clashingKey(board.locks, node.locks);
      if (clash === undefined) fire(board, turn, node, { queue, context });
      else park(board, turn, node, clash);
    }
  }
}

function nextReady(queue: QueueBoard): ItemNode | undefined {
  while (true) {
    const run = bestRun(queue);
    if (run === undefined) return undefined;
    const node = queue.ready.get(run)?.pop();
    // An item that was cancelled or parked meanwhile stays in the heap until it comes up here.
    if (node?.status === 'ready' && node.parkedOn === undefined && node.dueAt === undefined) return node;
  }
}

function bestRun(queue: QueueBoard): RunBoard | undefined {
  let best: RunBoard | undefined;
  let bestPriority = 0;
  for (const [run, heap] of queue.ready) {
    const priority = heap.peek()?.plan.priority ?? 0;
    if (heap.size === 0) queue.ready.delete(run);
    if (heap.size === 0 || !run.isOpen) continue;
    if (best !== undefined && !comesBefore({ run, priority }, { run: best, priority: bestPriority })) continue;
    best = run;
    bestPriority = priority;
  }
  return best;
}

interface Claim {
  readonly run: RunBoard;
  readonly priority: number;
}

function comesBefore(left: Claim, right: Claim): boolean {
  if (left.priority !== right.priority) return left.priority > right.priority;
  if (left.run.running.size !== right.run.running.size) return left.run.running.size < right.run.running.size;
  return left.run.age < right.run.age;
}

function park(board: Board, turn: Turn, node: ItemNode, key: string): void {
  node.parkedOn = key;
  touch(turn, node);
  const waiters = board.lockWaiters.get(key);
  if (waiters === undefined) board.lockWaiters.set(key, new Set([node]));
  else waiters.add(node);
}

function fire(
  board: Board,
  turn: Turn,
  node: ItemNode,
  { queue, context }: { readonly queue: QueueBoard; readonly context: TurnContext },
): void {
  node.status = 'running';
  node.attempt++;
  node.reason = undefined;
  queue.running.add(node);
  node.run.running.add(node);
  takeLocks(board.locks, node.locks, node);
  touch(turn, node);

  const request = requestOf(node, context.dispatchIdOf(node, node.attempt));
  const manifest = context.manifestOf(node, request);
  const { text, digest } = context.digestOfManifest(manifest);
  record(turn, node.run, {
    kind: 'item.fired',
    item: node.id,
    attempt: node.attempt,
    body: {
      dispatchId: request.dispatchId,
      manifest: digest,
      locks: [...node.locks],
      patches: request.patches.map((patch) => ({ ...patch })),
    },
  });
  turn.fired.push({ node, attempt: node.attempt, request, manifest, manifestText: text });
}

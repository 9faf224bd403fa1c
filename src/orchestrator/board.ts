import type { LogPosition } from '../audit/record.ts';
import { Heap } from '../base/heap.ts';
import type { ArtifactRef, Digest, ItemId, RunId } from '../contracts/ids.ts';
import type { Source } from '../contracts/mailbox.ts';
import type { Plan, PlanItem } from '../contracts/plan.ts';
import type { ItemStatus, RunStatus } from '../contracts/run.ts';
import type { Spent } from '../contracts/status.ts';
import type { Artifact, Asked } from './executor.ts';
import { emptyLockTable, type LockTable } from './lock-table.ts';
import { dependenciesOf } from './plan-checks.ts';

/** The live runs in memory, rebuilt from rows at start. Only the scheduler's files change it: `schedule.ts`, `ready.ts`, `settle.ts`, `attempt-end.ts`, and `restore.ts` at start. */
export interface Board {
  readonly runs: Map<RunId, RunBoard>;
  readonly queues: Map<string, QueueBoard>;
  readonly locks: LockTable<ItemNode>;
  /** Items that wait for a held lock, by the key they wait for. */
  readonly lockWaiters: Map<string, Set<ItemNode>>;
  /** Items that wait for the time of their next attempt. */
  readonly timers: Heap<ItemNode>;
}

export interface QueueBoard {
  readonly name: string;
  readonly concurrency: number;
  /** Live attempts; slots in use are derived from it. */
  readonly running: Set<ItemNode>;
  /** Ready items of each run that has some. */
  readonly ready: Map<RunBoard, Heap<ItemNode>>;
}

export interface NewRun {
  readonly plan: Plan;
  readonly planDigest: Digest;
  readonly actor: string;
  readonly submittedAt: string;
  readonly source: Source | undefined;
  readonly enforceLocks: boolean;
  /** Order of acceptance, the age of a run. */
  readonly age: number;
}

export interface RunBoard extends NewRun {
  readonly runId: RunId;
  readonly items: readonly ItemNode[];
  readonly itemsById: ReadonlyMap<string, ItemNode>;
  /** Items that brought a patch. */
  readonly patched: ItemNode[];
  /** Items of this run that brought a patch while they held a lock, by key. */
  readonly doneUnderLock: LockTable<ItemNode[]>;
  readonly running: Set<ItemNode>;
  /** Items that wait for an answer. */
  readonly waiting: Set<ItemNode>;
  status: RunStatus;
  /** Why the run does not start yet. */
  reason: string | undefined;
  /** Where items run that name no target, by executor. */
  defaultTargets: Readonly<Record<string, string>>;
  /** True once what its items need was resolved. */
  isOpen: boolean;
  cancelledBy: string | undefined;
  openItems: number;
  log: LogPosition;
  statusSequence: number;
}

/** An item's last question, and its answer once somebody gave one: each attempt from then on goes on with it. */
export interface Inquiry extends Asked {
  readonly answer: { readonly ref: ArtifactRef; readonly actor: string; readonly at: string } | undefined;
  /** A person had a shell in the worktree that was asked from. */
  readonly isHumanTouched: boolean;
}

export interface ItemNode {
  readonly run: RunBoard;
  readonly index: number;
  readonly id: ItemId;
  readonly plan: PlanItem;
  /** Its lock keys, sorted, each once. */
  readonly locks: readonly string[];
  readonly dependencies: ItemNode[];
  readonly dependents: ItemNode[];
  status: ItemStatus;
  attempt: number;
  /** Attempts that count against `retry`. */
  failures: number;
  losses: number;
  unmet: number;
  dueAt: number | undefined;
  reason: string | undefined;
  resultRef: ArtifactRef | undefined;
  /** Patch and outputs of the attempt that was done. */
  artifacts: readonly Artifact[];
  /** Sequence of the record that made it done: the commit order of patches. */
  doneAt: number | undefined;
  parkedOn: string | undefined;
  isCancelling: boolean;
  inquiry: Inquiry | undefined;
  /** A person had a shell in the worktree its last attempt left. */
  isHumanTouched: boolean;
  /** Of all attempts. */
  usage: Spent | undefined;
}

export function emptyBoard(concurrencies: Readonly<Record<string, number>>): Board {
  const queues = new Map<string, QueueBoard>();
  for (const [name, concurrency] of Object.entries(concurrencies)) {
    queues.set(name, { name, concurrency, running: new Set(), ready: new Map() });
  }
  return {
    runs: new Map(),
    queues,
    locks: emptyLockTable(),
    lockWaiters: new Map(),
    timers: new Heap((left, right) => (left.dueAt ?? 0) < (right.dueAt ?? 0)),
  };
}

/** A run as its plan says, before anything happened. */
export function newRunBoard(run: NewRun): RunBoard {
  const items: ItemNode[] = [];
  const board: RunBoard = {
    ...run,
    runId: run.plan.id,
    items,
    itemsById: new Map(),
    patched: [],
    doneUnderLock: emptyLockTable(),
    running: new Set(),
    waiting: new Set(),
    status: 'queued',
    reason: undefined,
    defaultTargets: {},
    isOpen: false,
    cancelledBy: undefined,
    openItems: run.plan.items.length,
    log: { nextSequence: 0, previousHash: '' },
    statusSequence: 0,
  };
  const byId = board.itemsById as Map<string, ItemNode>;
  run.plan.items.forEach((plan, index) => {
    const node = newItemNode(board, plan, index);
    items.push(node);
    byId.set(plan.id, node);
  });
  for (const node of items) linkDependencies(node, byId);
  return board;
}

function newItemNode(run: RunBoard, plan: PlanItem, index: number): ItemNode {
  return {
    run,
    index,
    id: plan.id,
    plan,
    locks: [...new Set(plan.resourceLocks)].sort(),
    dependencies: [],
    dependents: [],
    status: 'pending',
    attempt: 0,
    failures: 0,
    losses: 0,
    unmet: 0,
    dueAt: undefined,
    reason: undefined,
    resultRef: undefined,
    artifacts: [],
    doneAt: undefined,
    parkedOn: undefined,
    isCancelling: false,
    inquiry: undefined,
    isHumanTouched: false,
    usage: undefined,
  };
}

function linkDependencies(node: ItemNode, byId: ReadonlyMap<string, ItemNode>): void {
  for (const id of dependenciesOf(node.plan)) {
    const dependency = byId.get(id);
    if (dependency === undefined) continue;
    node.dependencies.push(dependency);
    dependency.dependents.push(node);
  }
  node.unmet = node.dependencies.length;
}

/** Priority first, then the place in the plan. */
export function readyHeap(): Heap<ItemNode> {
  return new Heap((left, right) => {
    const difference = (right.plan.priority ?? 0) - (left.plan.priority ?? 0);
    return difference === 0 ? left.index < right.index : difference < 0;
  });
}

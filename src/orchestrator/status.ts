import { statusSnapshotEvery, wholeStatusItems } from '../contracts/names.ts';
import { isTerminalItem } from '../contracts/run.ts';
import type { ItemView, StatusRecord } from '../contracts/status.ts';
import type { Inquiry, ItemNode, RunBoard } from './board.ts';

/** Of a large run's item, only this many of what it waits for are named. */
const namedBlockers = 20;

/** What a turn made of a run, as watchers see it: the whole run, or of a large one between snapshots what changed. */
export function statusOf(run: RunBoard, changed: ReadonlySet<ItemNode>, at: string): StatusRecord {
  const isWhole = isWholeStatus(run);
  const nodes = isWhole ? run.items : run.items.length <= changed.size ? run.items : changedOf(run, changed);
  return {
    runId: run.runId,
    status: run.status,
    at,
    ...(isWhole ? {} : { partial: true as const }),
    ...(run.reason === undefined ? {} : { reason: run.reason }),
    items: nodes.map(viewOf),
  };
}

function isWholeStatus(run: RunBoard): boolean {
  const isEnd = run.openItems === 0;
  return run.items.length <= wholeStatusItems || run.statusSequence % statusSnapshotEvery === 0 || isEnd;
}

function changedOf(run: RunBoard, changed: ReadonlySet<ItemNode>): ItemNode[] {
  return [...changed].filter((node) => node.run === run).sort((left, right) => left.index - right.index);
}

export function viewOf(node: ItemNode): ItemView {
  return {
    id: node.id,
    status: node.status,
    attempt: node.attempt,
    blockedBy: blockersOf(node),
    ...(node.reason === undefined ? {} : { reason: node.reason }),
    ...(node.resultRef === undefined ? {} : { resultRef: node.resultRef }),
    ...(node.inquiry === undefined ? {} : inquiryView(node, node.inquiry)),
    ...(node.isHumanTouched ? { humanTouched: true } : {}),
    ...(node.usage === undefined ? {} : { usage: node.usage }),
  };
}

function inquiryView({ status }: ItemNode, { question, answer }: Inquiry): Pick<ItemView, 'question' | 'answered'> {
  if (answer !== undefined) return { answered: { actor: answer.actor, at: answer.at } };
  return status === 'waiting' ? { question } : {};
}

/** Why an item does not run, from the state alone. */
function blockersOf(node: ItemNode): string[] {
  if (node.status === 'pending') {
    const open = node.dependencies.filter((dependency) => !isTerminalItem(dependency.status));
    const named = node.run.items.length <= wholeStatusItems ? open : open.slice(0, namedBlockers);
    return named.map((dependency) => `item:${dependency.id}`);
  }
  if (node.status === 'waiting') return ['answer'];
  if (node.status !== 'ready') return [];
  if (node.dueAt !== undefined) return [`retry:${new Date(node.dueAt).toISOString()}`];
  if (node.parkedOn !== undefined) return [`lock:${node.parkedOn}`];
  if (!node.run.isOpen) return [`target:${targetOf(node)}`];
  return [`queue:${node.run.plan.queue}`];
}

function targetOf({ plan, run }: ItemNode): string {
  return plan.target ?? run.defaultTargets[plan.executor] ?? plan.executor;
}

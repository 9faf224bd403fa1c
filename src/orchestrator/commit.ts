import type { Accepted } from '../contracts/mailbox.ts';
import { mailboxKeys } from '../contracts/mailbox.ts';
import type { ItemNode, RunBoard } from './board.ts';
import type { Commit, OutboxMessage, StoredItem, StoredProgress, StoredRun } from './run-store.ts';
import { statusOf } from './status.ts';
import type { Turn } from './turn.ts';

/** The rows and messages of a turn. Gives each changed run its next status number. */
export function commitOf(turn: Turn, planTexts: ReadonlyMap<RunBoard, string>, deliveredUpTo: number): Commit {
  const outbox = turn.admitted.map((run) => acceptedMessage(run, turn.at));
  for (const run of turn.touchedRuns) {
    // The last status of a run is published once its seal is: see sealer.ts.
    if (!turn.closed.has(run)) outbox.push(statusMessage(run, turn));
  }
  return {
    newRuns: turn.admitted.map((run) => storedRun(run, planTexts.get(run) ?? '')),
    runs: [...turn.touchedRuns].map((run) => ({
      runId: run.runId,
      progress: progressOf(run, turn.closed.has(run)),
    })),
    items: [...turn.touchedItems].map((node) => ({ runId: node.run.runId, item: storedItem(node) })),
    records: turn.records.map(({ run, sequence, text }) => ({ runId: run.runId, sequence, text })),
    manifests: turn.fired.map(({ node, attempt, manifestText }) => ({
      runId: node.run.runId,
      itemIndex: node.index,
      attempt,
      text: manifestText,
    })),
    outbox,
    deliveredUpTo,
  };
}

/** The run's status as the next message to its watchers. */
export function statusMessage(
  run: RunBoard,
  turn: { readonly touchedItems: ReadonlySet<ItemNode>; readonly at: string },
): OutboxMessage {
  const status = statusOf(run, turn.touchedItems, turn.at);
  return { key: mailboxKeys.status(run.runId, run.statusSequence++), text: JSON.stringify(status) };
}

function acceptedMessage(run: RunBoard, at: string): OutboxMessage {
  const accepted: Accepted = {
    runId: run.runId,
    planDigest: run.planDigest,
    actor: run.actor,
    submittedAt: run.submittedAt,
    acceptedAt: at,
    itemCount: run.items.length,
    ...(run.source === undefined ? {} : { source: run.source }),
  };
  return { key: mailboxKeys.accepted(run.runId), text: JSON.stringify(accepted) };
}

function progressOf(run: RunBoard, isClosed: boolean): StoredProgress {
  return {
    status: run.status,
    cancelledBy: run.cancelledBy,
    nextSequence: run.log.nextSequence,
    previousHash: run.log.previousHash,
    statusSequence: run.statusSequence,
    isClosed,
  };
}

function storedRun(run: RunBoard, planText: string): StoredRun {
  return {
    ...progressOf(run, false),
    runId: run.runId,
    planText,
    planDigest: run.planDigest,
    actor: run.actor,
    submittedAt: run.submittedAt,
    source: run.source,
    enforceLocks: run.enforceLocks,
    age: run.age,
  };
}

function storedItem(node: ItemNode): StoredItem {
  return {
    index: node.index,
    status: node.status,
    attempt: node.attempt,
    failures: node.failures,
    losses: node.losses,
    dueAt: node.dueAt,
    reason: node.reason,
    resultRef: node.resultRef,
    artifacts: node.artifacts,
    doneAt: node.doneAt,
    isCancelling: node.isCancelling,
    inquiry: node.inquiry,
    isHumanTouched: node.isHumanTouched,
    usage: node.usage,
  };
}

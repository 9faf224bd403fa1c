import { type Digest, type DispatchId, siblingRef } from '../contracts/ids.ts';
import type { Board, ItemNode, RunBoard } from './board.ts';
import type { Asked } from './executor.ts';
import { makeReady } from './settle.ts';
import { record, type Turn, touch } from './turn.ts';

/** The item's attempt ended with a question: it waits, holding neither slot nor locks. */
export function ask(turn: Turn, node: ItemNode, asked: Asked): void {
  node.inquiry = { ...asked, answer: undefined, isHumanTouched: node.isHumanTouched };
  node.status = 'waiting';
  node.run.waiting.add(node);
  touch(turn, node);
}

export interface GivenAnswer {
  readonly actor: string;
  readonly at: string;
  /** The dispatch whose question it answers. Default: whichever the item waits for. */
  readonly dispatchId?: DispatchId;
  /** Its stored bytes. */
  readonly answer: { readonly digest: Digest; readonly sizeBytes: number };
}

/** Lets a waiting item go on with an answer; or says why it does not, and changes nothing. */
export function answer(board: Board, turn: Turn, node: ItemNode, given: GivenAnswer): string | undefined {
  const { inquiry } = node;
  const first = inquiry?.answer;
  // The same message, seen again because a daemon was killed before it could delete it.
  if (first !== undefined && first.actor === given.actor && first.at === given.at) return undefined;
  if (node.status !== 'waiting' || inquiry === undefined) return refusalOf(node);
  const { dispatchId } = inquiry.question;
  if (given.dispatchId !== undefined && given.dispatchId !== dispatchId) {
    return `it answers dispatch "${given.dispatchId}", but the item waits for an answer to "${dispatchId}"`;
  }
  const ref = siblingRef(inquiry.question.ref, given.answer.digest);
  const { sizeBytes } = given.answer;
  record(turn, node.run, {
    kind: 'item.answered',
    item: node.id,
    attempt: node.attempt,
    body: { actor: given.actor, dispatchId, answer: { port: 'answer', ref, sizeBytes, mediaType: 'application/json' } },
  });
  node.inquiry = { ...inquiry, answer: { ref, actor: given.actor, at: given.at } };
  node.run.waiting.delete(node);
  makeReady(board, turn, node);
  return undefined;
}

function refusalOf({ inquiry, status }: ItemNode): string {
  const first = inquiry?.answer;
  return first === undefined ? `it is ${status}` : `${first.actor} was first, at ${first.at}; it is ${status}`;
}

/** A run waits when it has a question and nothing else of it can go on. */
export function restRuns(turn: Turn): void {
  for (const run of turn.touchedRuns) {
    if (run.isOpen && run.openItems > 0) run.status = isAtRest(run) ? 'waiting' : 'running';
  }
}

function isAtRest(run: RunBoard): boolean {
  return run.waiting.size > 0 && run.running.size === 0 && !run.items.some((item) => item.status === 'ready');
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aRun, askedOutcome, itemOf, Scheduler, statuses } from '../../test/support/board.ts';
import { type Digest, digestOfRef } from '../contracts/ids.ts';
import type { ItemNode } from './board.ts';
import type { AttemptOutcome } from './executor.ts';
import { answer, type GivenAnswer } from './inquiry.ts';
import { cancel } from './schedule.ts';
import { viewOf } from './status.ts';

const given: GivenAnswer = {
  actor: 'human:mara',
  at: '2026-01-01T00:00:00.000Z',
  answer: { digest: `sha256:${'b'.repeat(64)}` as Digest, sizeBytes: 3 },
};

const failed: AttemptOutcome = { outcome: 'failed', code: 'exit-nonzero', durationMs: 1, artifacts: [] };

function answered(scheduler: Scheduler, node: ItemNode, more: Partial<GivenAnswer> = {}) {
  let refusal: string | undefined;
  const turn = scheduler.turn((current) => {
    refusal = answer(scheduler.board, current, node, { ...given, ...more });
  });
  return { turn, refusal };
}

test('an item that asks gives back its slot and its locks, and says what it asks', () => {
  const run = aRun({
    items: [
      { id: 'a', resourceLocks: ['x'] },
      { id: 'b', resourceLocks: ['x'] },
    ],
  });
  const scheduler = new Scheduler({ default: 1 });
  const node = itemOf(run, 'a');
  scheduler.admit(run);

  const turn = scheduler.finish(node, askedOutcome(node));

  assert.deepEqual(statuses(run), { a: 'waiting', b: 'running' });
  assert.deepEqual(
    turn.fired.map((fired) => fired.node.id),
    ['b'],
  );
  assert.deepEqual(viewOf(node).blockedBy, ['answer']);
  assert.equal(viewOf(node).question?.question, 'Which one?');
});

test('a run waits only when nothing else of it can go on', () => {
  const run = aRun({ items: [{ id: 'a' }, { id: 'b' }, { id: 'c', depends_on: ['a'] }] });
  const scheduler = new Scheduler({ default: 2 });
  const node = itemOf(run, 'a');
  scheduler.admit(run);
  const seen: string[] = [];

  scheduler.finish(node, askedOutcome(node));
  seen.push(run.status);
  scheduler.finish(itemOf(run, 'b'));
  seen.push(run.status);
  answered(scheduler, node);
  seen.push(run.status);
  scheduler.finish(node);
  scheduler.finish(itemOf(run, 'c'));
  seen.push(run.status);

  assert.deepEqual(seen, ['running', 'waiting', 'running', 'done']);
});

test('an answered item starts a new attempt with the answer and what it had done, not counted against retry', () => {
  const run = aRun({ items: [{ id: 'a', retry: { attempts: 1 } }] });
  const scheduler = new Scheduler();
  const node = itemOf(run, 'a');
  const asked = askedOutcome(node);
  scheduler.admit(run);
  scheduler.finish(node, askedOutcome(node));

  const { turn } = answered(scheduler, node);

  const [fired] = turn.fired;
  assert.equal(fired?.attempt, 2);
  assert.equal(node.failures, 0);
  assert.equal(fired?.request.resume?.question, node.inquiry?.question.ref);
  assert.equal(fired?.request.resume?.partialPatch, node.inquiry?.partialPatch);
  assert.equal(digestOfRef(fired?.request.resume?.answer ?? asked.asked.question.ref), given.answer.digest);
  assert.deepEqual(viewOf(node).answered, { actor: given.actor, at: given.at });
  assert.equal(viewOf(node).question, undefined);
});

test('an answer that is seen again after a crash changes nothing and is no second one', () => {
  const run = aRun({ items: [{ id: 'a' }] });
  const scheduler = new Scheduler();
  const node = itemOf(run, 'a');
  scheduler.admit(run);
  scheduler.finish(node, askedOutcome(node));
  answered(scheduler, node);

  const again = answered(scheduler, node);
  const other = answered(scheduler, node, { actor: 'human:other' });

  assert.deepEqual([again.refusal, again.turn.records], [undefined, []]);
  assert.match(other.refusal ?? '', /^human:mara was first/);
  assert.equal(node.attempt, 2);
});

test('a retry after an answer goes on with the same answer', () => {
  const run = aRun({ items: [{ id: 'a', retry: { attempts: 2, delaySeconds: 0 } }] });
  const scheduler = new Scheduler();
  const node = itemOf(run, 'a');
  scheduler.admit(run);
  scheduler.finish(node, askedOutcome(node));
  const first = answered(scheduler, node).turn.fired[0]?.request.resume;

  scheduler.finish(node, failed);
  const [again] = scheduler.turn().fired;

  assert.equal(node.attempt, 3);
  assert.deepEqual(again?.request.resume, first);
});

test('an item may ask again, and then waits for another answer', () => {
  const run = aRun({ items: [{ id: 'a' }] });
  const scheduler = new Scheduler();
  const node = itemOf(run, 'a');
  scheduler.admit(run);
  scheduler.finish(node, askedOutcome(node));
  const first = node.inquiry?.question.dispatchId;
  answered(scheduler, node);
  scheduler.finish(node, askedOutcome(node));

  const late = first === undefined ? undefined : answered(scheduler, node, { dispatchId: first });
  const right = answered(scheduler, node);

  assert.match(late?.refusal ?? '', /waits for an answer to/);
  assert.equal(right.refusal, undefined);
  assert.equal(node.attempt, 3);
});

test('answers to an item that does not wait change nothing and say why; of two the first counts', () => {
  const run = aRun({ items: [{ id: 'a' }] });
  const scheduler = new Scheduler();
  const node = itemOf(run, 'a');
  scheduler.admit(run);

  const early = answered(scheduler, node);
  scheduler.finish(node, askedOutcome(node));
  answered(scheduler, node);
  const second = answered(scheduler, node, { actor: 'human:late' });

  assert.equal(early.refusal, 'it is running');
  assert.match(second.refusal ?? '', /^human:mara was first/);
  assert.equal(node.inquiry?.answer?.actor, 'human:mara');
  assert.equal(scheduler.records.filter((text) => text.includes('item.answered')).length, 1);
});

test('a waiting item can be cancelled, and what depends on it is skipped', () => {
  const run = aRun({ items: [{ id: 'a' }, { id: 'b', depends_on: ['a'] }] });
  const scheduler = new Scheduler();
  const node = itemOf(run, 'a');
  scheduler.admit(run);
  scheduler.finish(node, askedOutcome(node));

  scheduler.turn((turn) => cancel(scheduler.board, turn, { run, node, actor: 'human:test' }));

  assert.deepEqual(statuses(run), { a: 'cancelled', b: 'skipped' });
  assert.equal(run.status, 'cancelled');
  assert.equal(run.waiting.size, 0);
});

test('an item that is being cancelled does not wait with its question', () => {
  const run = aRun({ items: [{ id: 'a' }] });
  const scheduler = new Scheduler();
  const node = itemOf(run, 'a');
  scheduler.admit(run);
  scheduler.turn((turn) => cancel(scheduler.board, turn, { run, node, actor: 'human:test' }));

  scheduler.finish(node, askedOutcome(node));

  assert.equal(node.status, 'cancelled');
});

test('what a person touched before the question is said of the result too, and usage adds up over attempts', () => {
  const usage = { models: ['m'], inputTokens: 10, outputTokens: 2, cacheReadTokens: 0, cacheWriteTokens: 0, turns: 1 };
  const run = aRun({ items: [{ id: 'a' }] });
  const scheduler = new Scheduler();
  const node = itemOf(run, 'a');
  scheduler.admit(run);
  scheduler.finish(node, { ...askedOutcome(node), humanTouched: true, usage });
  answered(scheduler, node);
  scheduler.finish(node, { outcome: 'done', durationMs: 1, artifacts: [], usage: { ...usage, costMicroUsd: 5 } });

  const view = viewOf(node);

  assert.equal(view.humanTouched, true);
  assert.deepEqual(view.usage, { ...usage, inputTokens: 20, outputTokens: 4, turns: 2, costMicroUsd: 5 });
});

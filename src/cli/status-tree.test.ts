import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { type StatusRecord, statusRecordSchema } from '../contracts/status.ts';
import { ItemClock } from './item-clock.ts';
import { isWhollyDone, mergeStatus } from './run-state.ts';
import { treeLines } from './status-tree.ts';

const start = Date.parse('2026-01-01T00:00:00.000Z');

function aRecord(items: readonly object[], more: object = {}): StatusRecord {
  const defaults = { attempt: 0, blockedBy: [] };
  return statusRecordSchema.parse({
    runId: 'run-1',
    status: 'running',
    at: new Date(start).toISOString(),
    items: items.map((item) => ({ ...defaults, ...item })),
    ...more,
  });
}

function draw(record: StatusRecord, rows = 20, columns = 100): string[] {
  const clock = new ItemClock();
  clock.note(record);
  const lines = treeLines(mergeStatus(undefined, record), clock, { now: start + 1500, columns, rows });
  return lines.map(stripVTControlCharacters);
}

test('each item is a line with its state, what holds it and its time', () => {
  const record = aRecord([
    { id: 'edit', status: 'running', attempt: 2 },
    { id: 'verify', status: 'pending', blockedBy: ['item:edit'] },
    { id: 'other', status: 'ready', blockedBy: ['lock:a.ts', 'queue:default'] },
  ]);

  assert.deepEqual(draw(record), [
    'run-1  running  (1 running, 1 pending, 1 ready)',
    '  ● edit    running  attempt 2  1.5 s',
    '  · verify  pending  after edit',
    '  ○ other   ready  waits for lock:a.ts, queue:default',
  ]);
});

const dispatchId = `d-${'a'.repeat(26)}`;
const ref = `agora://default/artifact/${dispatchId}/sha256:${'1'.repeat(64)}`;

function aWaitingItem(question: object = {}) {
  const asked = { dispatchId, question: 'Which colour?', ref, ...question };
  return { id: 'wall', status: 'waiting', attempt: 1, blockedBy: ['answer'], question: asked };
}

test('an item that waits shows what it asks and the command that answers it', () => {
  const plain = draw(aRecord([aWaitingItem()], { status: 'waiting' }));
  const chosen = draw(aRecord([aWaitingItem({ options: ['red', 'blue'], context: { wall: 2 } })]));

  assert.deepEqual(plain.slice(1), [
    '  ? wall  waiting  waits for answer  1.5 s',
    '      Which colour?',
    '      answer: agora orch answer run-1 wall "…"',
  ]);
  assert.deepEqual(chosen.slice(2), [
    '      Which colour?',
    '      1) red',
    '      2) blue',
    '      context: {"wall":2}',
    '      answer: agora orch answer run-1 wall --option <n>',
  ]);
});

test('of a long question the beginning is shown, and where the rest is; on a small terminal nothing of it', () => {
  const record = aRecord([aWaitingItem({ question: `Why\n\u001b[2J${'x'.repeat(500)}` })]);

  const lines = draw(record, 20, 300);

  assert.ok(lines.some((line) => line.startsWith('      Why xxx') && line.length < 250));
  assert.ok(lines.includes(`      all of it: agora artifact get sha256:${'1'.repeat(64)}`));
  assert.deepEqual(draw(record, 4).slice(1), [
    '  ? wall  waiting  waits for answer  1.5 s',
    '  … and 1 to answer: agora orch status run-1',
  ]);
});

test('how many more options a question has is not told where only some of them are known', () => {
  const options = Array.from({ length: 20 }, (_, index) => `option ${index}`);

  const all = draw(aRecord([aWaitingItem({ options })]), 40);
  const some = draw(aRecord([aWaitingItem({ options, isCut: true })]), 40);

  assert.ok(all.includes('      … and 11 more'));
  assert.ok(some.includes('      … and more'));
});

test('questions there is no room for are counted, and the command that shows them is named', () => {
  const items = Array.from({ length: 8 }, (_, index) => ({ ...aWaitingItem(), id: `wall-${index}` }));

  const lines = draw(aRecord(items), 10);

  assert.equal(lines.length, 10);
  assert.equal(lines.at(-1), '  … and 8 to answer: agora orch status run-1');
  assert.equal(draw(aRecord(items), 6).at(-1), '  … and 4 more, 8 to answer: agora orch status run-1');
});

test('an item that was cancelled says so once', () => {
  const record = aRecord([{ id: 'a', status: 'cancelled', attempt: 0, reason: 'cancelled' }]);

  assert.deepEqual(draw(record).slice(1), ['  ■ a  cancelled']);
});

test('what models used is summed up, and what a person touched is marked', () => {
  const usage = { models: ['m'], inputTokens: 10, outputTokens: 5, cacheReadTokens: 90, cacheWriteTokens: 0 };
  const lines = draw(
    aRecord([
      { id: 'a', status: 'done', attempt: 1, usage: { ...usage, turns: 2, costMicroUsd: 12_300, modelMs: 2500 } },
      { id: 'b', status: 'done', attempt: 1, usage, humanTouched: true },
    ]),
  );

  assert.match(lines[0] ?? '', /200 tokens in, 10 out, 2 turns, \$0\.0123, 2\.5 s of model time$/);
  assert.match(lines[2] ?? '', /human-touched/);
});

test('a run larger than the terminal shows what matters most and counts the rest', () => {
  const done = Array.from({ length: 50 }, (_, index) => ({ id: `done-${index}`, status: 'done', attempt: 1 }));
  const lines = draw(aRecord([...done, { id: 'bad', status: 'failed', attempt: 1, reason: 'exit-nonzero' }]), 6);

  assert.ok(lines.length <= 6);
  assert.ok(lines.some((line) => line.includes('✗ bad')));
  assert.equal(lines.at(-1), '  … and 47 more');
});

test('a reason cannot break the picture', () => {
  const record = aRecord([{ id: 'bad', status: 'failed', attempt: 1, reason: `a\u001b[2Jb\nc ${'x'.repeat(500)}` }]);

  const lines = draw(record, 20, 60);

  assert.equal(lines.length, 2);
  assert.ok(lines.every((line) => line.length <= 60 && !line.includes('\u001b')));
});

test('a reason is whole where lines may be long: it ends with what to do next', () => {
  const reason = `refused: ${'x'.repeat(1_000)} next`;
  const lines = draw(aRecord([{ id: 'bad', status: 'failed', attempt: 1, reason }]), 20, Infinity);

  assert.ok(lines[1]?.includes(reason));
});

test('partial records change only the items they name', () => {
  const first = mergeStatus(
    undefined,
    aRecord([
      { id: 'a', status: 'done', attempt: 1 },
      { id: 'b', status: 'ready' },
    ]),
  );

  const second = mergeStatus(first, aRecord([{ id: 'b', status: 'done', attempt: 1 }], { partial: true }));

  assert.deepEqual([...second.items.keys()], ['a', 'b']);
  assert.equal(isWhollyDone(second), true);
});

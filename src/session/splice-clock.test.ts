import assert from 'node:assert/strict';
import { test } from 'node:test';
import { due, type SpliceLife, type SpliceTimes } from './splice-clock.ts';

const [minute, hour] = [60_000, 3_600_000];
const never = Number.POSITIVE_INFINITY;

function at(now: number, life: Partial<SpliceLife> = {}, times: SpliceTimes = {}) {
  const all = { acceptMs: 15_000, idleMs: 4 * hour, mostMs: never, beforeMs: 0, ...times };
  return due(all, { openedAt: 0, isAccepted: true, lastDataAt: 0, toldUntil: undefined, ...life }, now);
}

test('an agent that does not accept in time is told as unreachable', () => {
  assert.deepEqual(at(5_000, { isAccepted: false }), { kind: 'wait', ms: 10_000 });

  const late = at(15_000, { isAccepted: false });
  assert.equal(late.kind === 'end' && late.close.code, 'unreachable');
});

test('an idle session is told a minute before that it ends, once', () => {
  assert.deepEqual(at(hour), { kind: 'wait', ms: 3 * hour - minute });
  const told = at(4 * hour - minute);

  assert.deepEqual(told, {
    kind: 'notice',
    text: 'this session ends in 1 min unless something is typed or printed',
    endsAt: 4 * hour,
  });
  assert.deepEqual(at(4 * hour - minute + 1, { toldUntil: 4 * hour }), { kind: 'wait', ms: minute - 1 });
});

test('what is typed gives the whole time again, and the notice too', () => {
  const life = { lastDataAt: 4 * hour - 1, toldUntil: 4 * hour };

  assert.deepEqual(at(4 * hour, life), { kind: 'wait', ms: 4 * hour - 1 - minute });
  assert.equal(at(8 * hour - minute, life).kind, 'notice');
});

test('the longest time ends it, whatever is typed', () => {
  const times = { mostMs: 24 * hour };
  const life = { lastDataAt: 24 * hour - 5 };

  assert.equal(at(24 * hour - 4, life, times).kind, 'notice');
  const end = at(24 * hour, life, times);
  assert.equal(end.kind === 'end' && end.close.message, 'it was open for 24 h, the longest that the server allows');
});

test('what a viewer who comes back had before counts for the longest time', () => {
  const times = { mostMs: 24 * hour, beforeMs: 23 * hour };
  const life = { lastDataAt: hour - 1 };

  assert.equal(at(hour - minute, life, times).kind, 'notice');
  assert.equal(at(hour, life, times).kind, 'end');
});

test('without times it waits for ever, and a short one is not told before', () => {
  assert.deepEqual(at(hour, {}, { idleMs: never }), { kind: 'wait', ms: never });
  assert.deepEqual(at(0, {}, { idleMs: minute }), { kind: 'wait', ms: minute });
});

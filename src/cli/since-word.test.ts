import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sinceWord } from './since-word.ts';

const now = Date.parse('2026-11-22T12:00:00Z');

test('a time is so long ago, or the one that is named', () => {
  for (const [typed, time] of [
    ['10m', '2026-11-22T11:50:00.000Z'],
    ['1h30m', '2026-11-22T10:30:00.000Z'],
    ['1.5h', '2026-11-22T10:30:00.000Z'],
    ['2d', '2026-11-20T12:00:00.000Z'],
    ['2026-11-22', '2026-11-22T00:00:00.000Z'],
    ['2026-11-22T10:00:00.5Z', '2026-11-22T10:00:00.500Z'],
    ['2026-11-22T10:00:00+02:00', '2026-11-22T08:00:00.000Z'],
    ['1795348800', '2026-11-22T12:00:00.000Z'],
  ] as const) {
    assert.equal(sinceWord(typed, now), time, typed);
  }
});

test('what is no time is refused', () => {
  for (const typed of ['', '10', '10 m', 'm', '5y', 'yesterday', '2026-13-01', '999999999d', '1..5h', '-10m']) {
    assert.throws(() => sinceWord(typed, now), { code: 'usage' }, typed);
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { sinceTime, tailCount } from './log-words.ts';

const now = Date.parse('2026-11-21T12:00:00.000Z');

test('a time is given as it is written, or as how long ago it was', () => {
  assert.equal(sinceTime('10m', now), '2026-11-21T11:50:00.000Z');
  assert.equal(sinceTime('2d', now), '2026-11-19T12:00:00.000Z');
  assert.equal(sinceTime('2026-11-21T10:00:00+01:00', now), '2026-11-21T09:00:00.000Z');
});

test('what is no time and no number is refused', () => {
  for (const word of ['', '10', '5 m', 'yesterday', '-1h', '2026-99-99']) {
    assert.throws(
      () => sinceTime(word, now),
      (error) => isAppError(error, 'usage'),
    );
  }
  for (const word of ['', '-1', '1.5', 'all']) {
    assert.throws(
      () => tailCount(word),
      (error) => isAppError(error, 'usage'),
    );
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../contracts/errors.ts';
import { untilAnswered } from './until-answered.ts';

const quick = { delayMs: 1, maxDelayMs: 1 };

test('an engine is asked until it answers, and each reason is told once in a row', async () => {
  const reasons = ['away', 'away', 'starting', 'away'];
  const told: string[] = [];
  const ask = async () => {
    const reason = reasons.shift();
    if (reason !== undefined) throw new AppError('unreachable', reason);
    return 'here';
  };

  const answer = await untilAnswered(ask, {
    ...quick,
    signal: AbortSignal.timeout(10_000),
    log: (line) => told.push(line),
  });

  assert.equal(answer, 'here');
  assert.deepEqual(told, ['away', 'starting', 'away']);
});

test('who is stopped gets no answer, and a failure of our own is raised', async () => {
  const stop = new AbortController();
  const away = async () => {
    throw new AppError('unreachable', 'away');
  };
  const broken = async () => {
    throw new TypeError('a defect');
  };

  assert.equal(await untilAnswered(away, { ...quick, signal: stop.signal, log: () => stop.abort() }), undefined);
  await assert.rejects(
    untilAnswered(broken, { ...quick, signal: AbortSignal.timeout(10_000), log: () => {} }),
    TypeError,
  );
});

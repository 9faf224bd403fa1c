import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallerSession } from '../session/caller-session.ts';
import { aSource } from '../session/session.suite.ts';
import { simulatedTime } from '../session/simulated-time.suite.ts';
import { aRelay, olga } from './suite-relay.ts';
import { anOpen, textOf } from './suite-sessions.ts';

const most = 64;

test('all sessions of a user go on after a minute without their host', async (t) => {
  const pass = simulatedTime(t);
  const sources = Array.from({ length: most }, () => aSource());
  let opened = 0;
  const { relay, desk, host } = aRelay(t, () => {
    const { source } = sources[opened] ?? assert.fail('more were opened');
    opened += 1;
    return { source, isTerminal: false, readsOn: false };
  });
  const link = relay.link(olga, { address: '10.0.0.1' });
  const calls = sources.map(() => {
    const session = new CallerSession({ open: anOpen(), connect: async () => link, signal: t.signal });
    const ended = session.run();
    // It is told where it is waited for.
    ended.catch(() => undefined);
    return { session, ended };
  });
  for (let turns = 0; calls.some(({ session }) => session.accepted === undefined); turns += 1) {
    assert.ok(turns < 100, 'they are opened');
    await pass(10);
  }

  host.leave();
  for (let passedMs = 0; passedMs < 60_000; passedMs += 100) await pass(100);
  assert.ok(relay.list().every(({ state }) => state === 'waiting'));
  host.come();
  for (const { say, end } of sources) {
    say('still here');
    end();
  }
  for (let passedMs = 0; relay.list().some(({ state }) => state === 'waiting'); passedMs += 100) {
    assert.ok(passedMs < 60_000, 'they come back');
    await pass(100);
  }

  const texts = await Promise.all(calls.map(({ session }) => textOf(session)));
  assert.deepEqual(texts, Array(most).fill('still here'));
  for (const { ended } of calls) assert.equal((await ended).kind, 'ended');
  await pass(1);
  assert.deepEqual([opened, desk.list().length], [most, 0]);
});

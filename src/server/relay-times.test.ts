import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Open } from '../contracts/session-wire.ts';
import { CallerSession } from '../session/caller-session.ts';
import { aSource } from '../session/session.suite.ts';
import { simulatedTime } from '../session/simulated-time.suite.ts';
import { aRelay, olga } from './suite-relay.ts';
import { anOpen, logsOfWeb, textOf } from './suite-sessions.ts';

const hourMs = 3_600_000;

test('a session in which nothing is typed or printed ends, and so does one that lasts too long', async (t) => {
  const pass = simulatedTime(t);
  const says: ((text: string) => void)[] = [];
  const { relay } = aRelay(t, () => {
    const { source, say } = aSource();
    says.push(say);
    return { source, isTerminal: false, readsOn: false };
  });
  const link = relay.link(olga, { address: '10.0.0.1' });
  const ends: string[] = [];
  /** Opens one that is read until it ends. */
  const open = async (what: string, changes: Partial<Open> = {}) => {
    const session = new CallerSession({ open: anOpen(changes), connect: async () => link, signal: t.signal });
    session.run().catch((error: Error) => ends.push(`${what}: ${error.message}`));
    void textOf(session).catch(() => undefined); // Why it ended is told once.
    for (let turns = 0; session.accepted === undefined; turns += 1) {
      assert.ok(turns < 100, 'it is opened');
      await pass(1);
    }
  };
  await open('busy');
  await open('log', { session: logsOfWeb });
  await open('idle');
  const [sayBusy = assert.fail('nothing was opened')] = says;

  for (let hours = 0; hours < 4; hours += 1) {
    assert.deepEqual(ends, []);
    sayBusy('.');
    await pass(hourMs);
  }
  assert.deepEqual(ends, ['idle: Cannot go on with the session: nothing was typed or printed for 4 h']);
  for (let hours = 4; hours < 24; hours += 1) {
    assert.equal(ends.length, 1);
    sayBusy('.');
    await pass(hourMs);
  }

  const tooLong = 'Cannot go on with the session: it was open for 24 h, the longest that the server allows';
  assert.deepEqual(ends.slice(1), [`busy: ${tooLong}`, `log: ${tooLong}`]);
});

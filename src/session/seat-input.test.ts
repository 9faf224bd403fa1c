import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { sessionLimits } from '../contracts/session-wire.ts';
import { aSession, aSlowSource, aViewer } from './session.suite.ts';

test('what is typed while a program reads nothing waits together, in however many frames it came', async () => {
  const { slow, told, taking } = aSlowSource();
  const { session } = aSession(slow);
  const viewer = aViewer(session);
  for (let offset = 0; offset < 5_000; offset += 1) {
    viewer.stream.send({ type: 'data', offset, channel: 'input', bytes: Buffer.from('x') });
  }
  viewer.carry();
  await waitUntil('the first', () => taking.length === 1);

  taking[0]?.();
  await waitUntil('the rest', () => taking.length === 2);

  assert.deepEqual(told, ['write x', `write ${'x'.repeat(4_999)}`]);
});

test('who ended their input is told to the byte when it went in, though another viewer may still type', async () => {
  const { slow, told, taking } = aSlowSource();
  const { session } = aSession(slow);
  const [one, other] = [aViewer(session), aViewer(session, { actor: 'bo' })];
  const credits = () => one.frames.flatMap((frame) => (frame.type === 'credit' ? [frame.offset] : []));
  one.stream.send({ type: 'data', offset: 0, channel: 'input', bytes: Buffer.from('abc') });
  one.stream.send({ type: 'end', offset: 3 });
  one.carry();
  await waitUntil('the write', () => taking.length === 1);
  one.carry();
  assert.deepEqual(credits(), []);

  taking[0]?.();
  await one.becomes('the credit', () => credits().length > 0);
  assert.deepEqual([credits(), told], [[3 + sessionLimits.windowBytes], ['write abc']]);

  other.stream.send({ type: 'end', offset: 0 });
  await other.becomes('the end', () => told.length === 2);
  assert.deepEqual(told, ['write abc', 'end']);
});

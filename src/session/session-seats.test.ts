import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import { aSession, aSlowSource, aSource, aViewer } from './session.suite.ts';
import { simulatedTime } from './simulated-time.suite.ts';

test('a size or a signal that does not go through is told to who sent it, and ends nothing', async () => {
  const { source, say } = aSource();
  const refusing = {
    ...source,
    resize: () => Promise.reject(new AppError('task-conflict', 'Cannot resize: it ended')),
  };
  const { session, isOver } = aSession(refusing);
  const [one, other] = [aViewer(session), aViewer(session, { actor: 'bo' })];

  one.stream.send({ type: 'control', json: { event: 'resize', columns: 80, rows: 24 } });
  await one.becomes('the notice', () => one.events().length === 1);
  say('still here');
  await other.becomes('the text', () => other.text() === 'still here');

  assert.deepEqual(one.events(), [{ event: 'notice', text: 'Cannot resize: it ended' }]);
  assert.deepEqual([other.events(), isOver()], [[], false]);
});

test('input ends once all who may still type have ended theirs or left', async () => {
  const { source, told } = aSource();
  const { session } = aSession(source);
  const [one, other] = [aViewer(session), aViewer(session, { actor: 'bo' })];
  one.stream.send({ type: 'end', offset: 0 });
  one.carry();
  assert.deepEqual(told, []);

  other.stream.close({ code: 'cancelled', message: 'enough' });
  await other.becomes('the end', () => told.length > 0);

  assert.deepEqual(told, ['end']);
});

test('what is typed goes in one part after the other, and its end after the last', async () => {
  const { slow, told, taking } = aSlowSource();
  const { session } = aSession(slow);
  const viewer = aViewer(session);
  viewer.stream.send({ type: 'data', offset: 0, channel: 'input', bytes: Buffer.from('a') });
  viewer.carry();
  viewer.stream.send({ type: 'data', offset: 1, channel: 'input', bytes: Buffer.from('b') });
  viewer.stream.send({ type: 'end', offset: 2 });
  viewer.carry();
  await waitUntil('the first', () => taking.length === 1);
  assert.deepEqual(told, ['write a']);

  taking[0]?.();
  await waitUntil('the second', () => taking.length === 2);
  taking[1]?.();
  await waitUntil('the end', () => told.length === 3);

  assert.deepEqual(told, ['write a', 'write b', 'end']);
});

test('a program that ends while it is typed to tells how it ended, not that it takes no more', async () => {
  const { source, say, end } = aSource();
  const { session } = aSession({ ...source, write: () => Promise.reject(new AppError('unreachable', 'EPIPE')) });
  const viewer = aViewer(session);
  viewer.stream.send({ type: 'data', offset: 0, channel: 'input', bytes: Buffer.from('x') });
  viewer.carry();
  say('bye');
  end();
  await viewer.becomes('the end', () => viewer.frames.at(-1)?.type === 'end');

  assert.deepEqual([viewer.text(), viewer.events(), viewer.closes], ['bye', [{ event: 'exit', code: 3 }], []]);
});

test('what takes no input and does not end either fails in a while', async (t) => {
  const pass = simulatedTime(t);
  const { source, isClosed } = aSource();
  const { session } = aSession({ ...source, write: () => Promise.reject(new AppError('unreachable', 'EPIPE')) });
  const viewer = aViewer(session);
  viewer.stream.send({ type: 'data', offset: 0, channel: 'input', bytes: Buffer.from('x') });
  viewer.carry();
  await pass(0);

  await pass(1_900);
  viewer.carry();
  assert.deepEqual([viewer.closes, isClosed()], [[], false]);
  await pass(100);
  viewer.carry();

  assert.deepEqual([viewer.closes[0]?.code, isClosed()], ['unreachable', true]);
});

test('a defect of a source is told apart from its viewers', async () => {
  const { source, end } = aSource();
  const defects: unknown[] = [];
  const { session } = aSession(source, { onDefect: (error) => defects.push(error) });
  const viewer = aViewer(session);

  end(new TypeError('x of undefined'));

  assert.equal((await viewer.closed())?.code, 'internal');
  assert.equal(defects.length, 1);
});

test('a session that is to keep less forgets only what was read, and what it forgets takes no memory', async () => {
  const { source, say } = aSource();
  const { session } = aSession(source);
  const viewer = aViewer(session, { window: 16 * 1024 });
  say(Buffer.alloc(16 * 1024 + 200_000, 'x'));
  await viewer.becomes('a window', () => viewer.text().length === 16 * 1024);

  session.keep(64 * 1024);
  const unread = viewer.text().length;
  for (let offset = 32 * 1024; viewer.text().length < 16 * 1024 + 200_000; offset += 16 * 1024) {
    viewer.stream.send({ type: 'credit', offset });
    await viewer.becomes('more', () => viewer.text().length === Math.min(offset, 16 * 1024 + 200_000));
  }
  viewer.stream.send({ type: 'credit', offset: 16 * 1024 + 200_000 + 16 * 1024 });
  viewer.carry();

  assert.equal(unread, 16 * 1024);
  assert.deepEqual(viewer.events(), [], 'there is no gap');
  assert.ok(session.heldBytes <= 68 * 1024, `${session.heldBytes} bytes are held`);
});

test('who comes back gets no more than they have room for, and never more than a window', async () => {
  const { source, say } = aSource();
  const { session } = aSession(source);
  const [modest, greedy] = [aViewer(session, { window: 1_024 }), aViewer(session, { window: 1_024, actor: 'bo' })];
  say(Buffer.alloc(9_000, 'x'));
  for (const viewer of [modest, greedy]) {
    await viewer.becomes('a window', () => viewer.text().length === 1_024);
    viewer.lose();
  }

  const place = { received: 1_024, window: 1_024 };
  const again = aViewer(session, { ...place, seat: modest.accept().seat, credit: 1_124 });
  const more = aViewer(session, { ...place, seat: greedy.accept().seat, actor: 'bo', credit: 2 ** 47 });

  assert.deepEqual([again.text().length, more.text().length], [100, 1_024]);
});

test('who says to have what was never sent is closed', async () => {
  const { source } = aSource();
  const { session } = aSession(source);
  const viewer = aViewer(session);
  viewer.lose();

  const again = aViewer(session, { seat: viewer.accept().seat, received: 1 });

  assert.equal((await again.closed())?.code, 'protocol');
});

test('input that was not taken counts against the credit of who comes back', async () => {
  const { source } = aSource();
  const { session } = aSession({ ...source, write: () => new Promise(() => undefined) }, { windowBytes: 1_024 });
  const viewer = aViewer(session);
  viewer.stream.send({ type: 'data', offset: 0, channel: 'input', bytes: Buffer.alloc(1_000) });
  viewer.carry();
  viewer.lose();

  const again = aViewer(session, { seat: viewer.accept().seat });
  const { input, credit } = again.accept();
  assert.deepEqual({ input, credit }, { input: 1_000, credit: 1_024 });
  again.stream.send({ type: 'data', offset: 1_000, channel: 'input', bytes: Buffer.alloc(25) });

  assert.equal((await again.closed())?.code, 'protocol');
});

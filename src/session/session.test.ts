import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { waitUntil } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import { sessionLimits } from '../contracts/session-wire.ts';
import { FrameLink } from './frame-link.ts';
import { portEnd } from './port-end.suite.ts';
import { aSession, aSource, aViewer, specSample } from './session.suite.ts';

test('a viewer gets output, exit and end, and what it sends goes in', async () => {
  const { source, say, end, told } = aSource();
  const { session, isOver } = aSession(source);
  const viewer = aViewer(session);
  viewer.stream.send({ type: 'control', json: { event: 'resize', columns: 80, rows: 24 } });
  viewer.stream.send({ type: 'data', offset: 0, channel: 'input', bytes: Buffer.from('ls') });
  viewer.stream.send({ type: 'end', offset: 2 });
  say('files');
  end();
  await viewer.becomes('the end', () => viewer.frames.some(({ type }) => type === 'end'));

  assert.equal(viewer.text(), 'files');
  assert.deepEqual(viewer.events(), [{ event: 'exit', code: 3 }]);
  const allIsTaken = { type: 'credit', offset: 2 + sessionLimits.windowBytes };
  await viewer.becomes('told that all it sent is taken', () =>
    viewer.frames.some((frame) => isDeepStrictEqual(frame, allIsTaken)),
  );
  assert.deepEqual(told, ['resize 80x24', 'write ls', 'end']);
  viewer.stream.close({ code: 'done', message: 'all was read' });
  await viewer.becomes('its end', isOver);
});

test('output waits for a viewer that does not read, and goes no further than what is kept', async () => {
  const { source, say, taken } = aSource();
  const { session } = aSession(source, { replayBytes: 256 * 1024 });
  const viewer = aViewer(session, { window: 1_024 });
  for (let part = 0; part < 100; part += 1) say(Buffer.alloc(sessionLimits.dataBytes, 'x'));

  await viewer.becomes('the first', () => viewer.text().length === 1_024);
  await new Promise((resolve) => setImmediate(resolve));

  assert.ok(taken() <= 256 * 1024 + sessionLimits.dataBytes, `${taken()} bytes were taken`);
});

test('a viewer that comes back with its seat goes on where it was; another may not take it', async () => {
  const { source, say } = aSource();
  const { session } = aSession(source);
  const first = aViewer(session);
  say('one two');
  await first.becomes('the text', () => first.text() === 'one two');
  const { seat } = first.accept();
  first.lose();
  say(' three');

  const stranger = aViewer(session, { seat, received: 0, actor: 'eve' });
  const again = aViewer(session, { seat, received: 4 });
  await again.becomes('the rest', () => again.text() === 'two three');

  assert.equal(stranger.isTaken(), false);
  assert.equal(again.accept().output, 4);
});

test('a session that reads on keeps the last of its output, and tells of what is gone', async () => {
  const { source, say, taken } = aSource();
  const { session } = aSession(source, { readsOn: true, replayBytes: 128 * 1024 });
  const first = aViewer(session);
  say('start');
  await first.becomes('the start', () => first.text() === 'start');
  first.lose();
  for (let part = 0; part < 10; part += 1) say(Buffer.alloc(sessionLimits.dataBytes, String(part)));
  await waitUntil('all of it', async () => taken() === 5 + 10 * sessionLimits.dataBytes);

  const again = aViewer(session, { seat: first.accept().seat, received: 5 });
  await again.becomes('the last', () => again.text().length === 128 * 1024);

  assert.equal(again.accept().output, 5 + 8 * sessionLimits.dataBytes);
  assert.match(again.text(), /^8+9+$/);
});

test('the fastest of several viewers sets the pace; one left behind is told, and both may type', async () => {
  const { source, say, told } = aSource();
  const { session } = aSession(source, { replayBytes: 192 * 1024 });
  const slow = aViewer(session, { window: 1_024 });
  const fast = aViewer(session, { actor: 'bo' });
  const [partBytes, parts] = [32 * 1024, 20];
  for (let part = 0; part < parts; part += 1) {
    say(Buffer.alloc(partBytes, 'x'));
    const soFar = (part + 1) * partBytes;
    await fast.becomes('a part', () => fast.text().length === soFar);
    fast.stream.send({ type: 'credit', offset: soFar + sessionLimits.windowBytes });
    fast.carry();
  }
  slow.carry();
  slow.stream.send({ type: 'credit', offset: 2_048 });
  await slow.becomes('the gap', () => slow.events().length === 1);

  slow.stream.send({ type: 'data', offset: 0, channel: 'input', bytes: Buffer.from('a') });
  slow.stream.send({ type: 'end', offset: 1 });
  slow.carry();
  fast.stream.send({ type: 'data', offset: 0, channel: 'input', bytes: Buffer.from('b') });
  fast.carry();
  await waitUntil('both', () => told.length === 2);

  const gap = parts * partBytes - 192 * 1024;
  assert.deepEqual(slow.events(), [{ event: 'gap', offset: gap }]);
  assert.deepEqual(told, ['write a', 'write b'], 'input goes on while one of them has any');
});

test('a seat whose viewer does not come back is given up, and the session with the last', async () => {
  const { source, isClosed } = aSource();
  const { session, isOver } = aSession(source, { lingerMs: 20 });
  const viewer = aViewer(session);

  viewer.lose();
  await waitUntil('its end', async () => isOver());

  assert.ok(isClosed());
  assert.equal(aViewer(session, { seat: viewer.accept().seat }).isTaken(), false);
});

test('a source that fails tells each viewer why', async () => {
  const { source, end } = aSource();
  const { session } = aSession(source);
  const viewers = [aViewer(session), aViewer(session, { actor: 'bo' })];

  end(new AppError('unreachable', 'Cannot read the log: no engine answers', { next: 'Start it.' }));

  for (const viewer of viewers) {
    await viewer.becomes('its close', () => viewer.closes.length === 1);
    assert.deepEqual(viewer.closes, [
      { code: 'unreachable', message: 'Cannot read the log: no engine answers', next: 'Start it.' },
    ]);
  }
});

test('a source that fails after output tells it all, then why', async () => {
  const { source, say, end } = aSource();
  const { session } = aSession(source);
  const viewer = aViewer(session, { window: 1_024 });
  say(Buffer.alloc(3_000, 'x'));
  end(new AppError('unreachable', 'Cannot follow it: no engine answers'));
  await viewer.becomes('a window', () => viewer.text().length === 1_024);

  viewer.stream.send({ type: 'credit', offset: 2_048 });
  await viewer.becomes('another', () => viewer.text().length === 2_048);
  viewer.stream.send({ type: 'credit', offset: 3_072 });
  await viewer.becomes('its close', () => viewer.closes.length === 1);

  assert.equal(viewer.text().length, 3_000);
  assert.equal(viewer.closes[0]?.code, 'unreachable');
});

test('what a source has to tell goes to all its viewers', async () => {
  let tell: (text: string) => void = () => undefined;
  const { session } = aSession({
    ...aSource().source,
    onNotice: (given) => {
      tell = given;
    },
  });
  const [one, other] = [aViewer(session), aViewer(session, { actor: 'bo' })];

  tell('it goes on elsewhere');
  for (const viewer of [one, other]) await viewer.becomes('the notice', () => viewer.events().length === 1);

  assert.deepEqual(one.events(), [{ event: 'notice', text: 'it goes on elsewhere' }]);
  assert.deepEqual(other.events(), one.events());
});

test('a viewer that was gone before it could sit down keeps nothing', async () => {
  const { source } = aSource();
  const { session, isOver } = aSession(source, { lingerMs: 20 });
  const port = portEnd();
  const link = new FrameLink({ port: port.port, mostStreams: 1 });
  const stream = link.open({}, { onFrame: () => undefined, onClose: () => undefined }) ?? assert.fail('not opened');
  stream.close({ code: 'cancelled', message: 'gone' });

  session.join(stream, { actor: 'ada', window: 1_024, spec: specSample });
  await waitUntil('its end', async () => isOver());

  assert.equal(aViewer(session).isTaken(), false, 'nobody joins what is over');
});

for (const code of ['timed-out', 'refused', 'limit-exceeded', 'internal'] as const) {
  test(`a viewer whose stream is closed as ${code} does not come back`, async () => {
    const { source } = aSource();
    const { session, isOver } = aSession(source);
    const viewer = aViewer(session);

    viewer.stream.close({ code, message: 'no more' });
    viewer.carry();

    assert.ok(isOver());
  });
}

for (const [what, frame] of [
  ['data sent twice', { type: 'data', offset: 0, channel: 'input', bytes: Buffer.from('ab') }],
  ['data out of order', { type: 'data', offset: 9, channel: 'input', bytes: Buffer.from('ab') }],
  ['data of another channel', { type: 'data', offset: 2, channel: 'output', bytes: Buffer.from('ab') }],
  ['an end elsewhere', { type: 'end', offset: 7 }],
  ['credit without end', { type: 'credit', offset: 2 ** 47 }],
  ['an unknown event', { type: 'control', json: { event: 'dance' } }],
  ['an acceptance', { type: 'accept', json: {} }],
] as const) {
  test(`${what} closes its viewer's stream alone`, async () => {
    const { source, say, told } = aSource();
    const { session } = aSession(source);
    const [bad, good] = [aViewer(session), aViewer(session, { actor: 'bo' })];
    bad.stream.send({ type: 'data', offset: 0, channel: 'input', bytes: Buffer.from('ok') });
    bad.stream.send(frame);
    bad.carry();
    say('still here');
    await good.becomes('the text', () => good.text() === 'still here');

    assert.deepEqual(
      bad.closes.map(({ code }) => code),
      ['protocol'],
    );
    assert.deepEqual(told, ['write ok']);
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import { sessionLimits } from '../contracts/session-wire.ts';
import { FrameLink } from './frame-link.ts';
import { portEnd } from './port-end.suite.ts';
import { aSource, aViewerOf, sessionSample } from './session.suite.ts';
import { Session, type SessionOptions } from './session.ts';
import type { Source } from './source.ts';

function aSession(source: Source, options: Partial<SessionOptions> = {}) {
  let isOver = false;
  const session = new Session({
    ...sessionSample,
    source,
    onEnd: () => {
      isOver = true;
    },
    ...options,
  });
  return { session, isOver: () => isOver };
}

/** One that views a session: for the first time, or with the seat it had. */
function aViewer(session: Session, { window = sessionLimits.windowBytes, actor = 'ada', ...resume }: Viewing = {}) {
  let isTaken = true;
  const viewer = aViewerOf((stream) => {
    const { seat, received = 0, credit = received + window } = resume;
    const handler =
      seat === undefined
        ? session.join(stream, { actor, window })
        : session.resume(seat, stream, { actor, received, window, credit });
    isTaken = handler !== undefined;
    return handler;
  }, {});
  return { ...viewer, isTaken: () => isTaken };
}

interface Viewing {
  readonly window?: number;
  readonly actor?: string;
  readonly seat?: string;
  readonly received?: number;
  readonly credit?: number;
}

test('a viewer gets output, exit and end, and what it sends goes in', async () => {
  const { source, say, end, told } = aSource();
  const { session, isOver } = aSession(source);
  const viewer = aViewer(session);
  viewer.stream.send({ type: 'control', json: { event: 'resize', columns: 80, rows: 24 } });
  viewer.stream.send({ type: 'data', offset: 0, channel: 'input', bytes: Buffer.from('ls') });
  viewer.stream.send({ type: 'end', offset: 2 });
  say('files');
  end();
  await viewer.becomes('the end', () => viewer.frames.at(-1)?.type === 'end');

  assert.equal(viewer.text(), 'files');
  assert.deepEqual(viewer.events(), [{ event: 'exit', code: 3 }]);
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
  await waitUntil('all of it', async () => taken() === 5 + 10 * sessionLimits.dataBytes, { timeoutMs: 5_000 });

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
  await waitUntil('both', () => told.length === 2, { timeoutMs: 5_000 });

  const gap = parts * partBytes - 192 * 1024;
  assert.deepEqual(slow.events(), [{ event: 'gap', offset: gap }]);
  assert.deepEqual(told, ['write a', 'write b'], 'input goes on while one of them has any');
});

test('a seat whose viewer does not come back is given up, and the session with the last', async () => {
  const { source, isClosed } = aSource();
  const { session, isOver } = aSession(source, { lingerMs: 20 });
  const viewer = aViewer(session);

  viewer.lose();
  await waitUntil('its end', async () => isOver(), { timeoutMs: 5_000 });

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

test('a viewer that was gone before it could sit down keeps nothing', async () => {
  const { source } = aSource();
  const { session, isOver } = aSession(source, { lingerMs: 20 });
  const port = portEnd();
  const link = new FrameLink({ port: port.port, mostStreams: 1 });
  const stream = link.open({}, { onFrame: () => undefined, onClose: () => undefined }) ?? assert.fail('not opened');
  stream.close({ code: 'cancelled', message: 'gone' });

  session.join(stream, { actor: 'ada', window: 1_024 });
  await waitUntil('its end', async () => isOver(), { timeoutMs: 5_000 });

  assert.equal(aViewer(session).isTaken(), false, 'nobody joins what is over');
});

test('what is typed goes in one part after the other, and its end after the last', async () => {
  const { source, told } = aSource();
  const taking: (() => void)[] = [];
  const slow = {
    ...source,
    write: async (bytes: Uint8Array) => {
      await source.write(bytes);
      await new Promise<void>((resolve) => taking.push(resolve));
    },
  };
  const { session } = aSession(slow);
  const viewer = aViewer(session);
  viewer.stream.send({ type: 'data', offset: 0, channel: 'input', bytes: Buffer.from('a') });
  viewer.carry();
  viewer.stream.send({ type: 'data', offset: 1, channel: 'input', bytes: Buffer.from('b') });
  viewer.stream.send({ type: 'end', offset: 2 });
  viewer.carry();
  await waitUntil('the first', () => taking.length === 1, { timeoutMs: 5_000 });
  assert.deepEqual(told, ['write a']);

  taking[0]?.();
  await waitUntil('the second', () => taking.length === 2, { timeoutMs: 5_000 });
  taking[1]?.();
  await waitUntil('the end', () => told.length === 3, { timeoutMs: 5_000 });

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

test('what takes no input and does not end either fails in a while', { timeout: 20_000 }, async () => {
  const { source, isClosed } = aSource();
  const { session } = aSession({ ...source, write: () => Promise.reject(new AppError('unreachable', 'EPIPE')) });
  const viewer = aViewer(session);
  viewer.stream.send({ type: 'data', offset: 0, channel: 'input', bytes: Buffer.from('x') });

  assert.equal((await viewer.closed())?.code, 'unreachable');
  assert.ok(isClosed());
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

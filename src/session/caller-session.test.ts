import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { type Close, openSchema, sessionLimits } from '../contracts/session-wire.ts';
import { CallerSession, type CallerSessionOptions } from './caller-session.ts';
import type { StreamFrame } from './frame.ts';
import { FrameLink } from './frame-link.ts';
import type { LinkStream } from './link-stream.ts';
import { portEnd } from './port-end.suite.ts';

const accept = {
  sessionId: 's-aaaaaaaaaa',
  seat: 'A'.repeat(43),
  output: 0,
  input: 0,
  window: sessionLimits.windowBytes,
  terminal: false,
  credit: 1_024,
  lingerSeconds: 60,
};

/** A caller, and the far side of the links that it opens, which the test plays. */
function aCaller(
  t: TestContext,
  play: (stream: LinkStream, count: number) => void,
  more: Partial<CallerSessionOptions> = {},
  { onOpen = () => undefined, onFrame = () => undefined }: Hearing = {},
) {
  const closes: Close[] = [];
  const links: FrameLink[] = [];
  const connect = async () => {
    const [here, there] = [portEnd(), portEnd()];
    const caller = new FrameLink({ port: here.port, mostStreams: 1 });
    const far = new FrameLink({
      port: there.port,
      mostStreams: 1,
      onOpen: (stream, open) => {
        onOpen(open);
        setImmediate(() => play(stream, links.length));
        return { onFrame, onClose: (close) => closes.push(close) };
      },
    });
    links.push(caller);
    const step = () => {
      here.carry((message) => far.receive(message));
      there.carry((message) => caller.receive(message));
      if (!caller.isEnded) setImmediate(step);
    };
    step();
    return caller;
  };
  t.after(() => {
    for (const link of links) link.end({ code: 'done', message: 'the test is over' });
  });
  const controller = new AbortController();
  const session = new CallerSession({
    open: { host: 'h', session: { kind: 'attach', workspace: 'web', interactive: true }, window: 4_096 },
    connect,
    signal: controller.signal,
    ...more,
  });
  return { session, closes, links, abort: () => controller.abort(new Error('enough')) };
}

/** What the far side is told. */
interface Hearing {
  readonly onOpen?: (open: unknown) => void;
  readonly onFrame?: (frame: StreamFrame) => void;
}

const data = (offset: number, text: string) =>
  ({ type: 'data', offset, channel: 'output', bytes: Buffer.from(text) }) as const;

async function textOf(session: CallerSession): Promise<string> {
  let text = '';
  for await (const { bytes } of session.output()) text += Buffer.from(bytes);
  return text;
}

test('who detaches is gone at once, and what came before is there', { timeout: 20_000 }, async (t) => {
  const { session } = aCaller(t, (stream) => {
    stream.send({ type: 'accept', json: accept });
    stream.send(data(0, 'so far'));
  });
  const running = session.run();
  const output = session.output()[Symbol.asyncIterator]();
  assert.equal(Buffer.from((await output.next()).value?.bytes ?? '').toString(), 'so far');

  session.detach();

  assert.deepEqual(await running, { kind: 'detached' });
  assert.equal((await output.next()).done, true);
});

test('who detaches while the link is away does not wait for it', { timeout: 20_000 }, async (t) => {
  const { session, links } = aCaller(t, (stream, count) => {
    if (count === 1) stream.send({ type: 'accept', json: accept });
    else stream.close({ code: 'host-away', message: 'not yet' });
    if (count === 2) session.detach();
  });
  const running = session.run();
  setImmediate(() => links[0]?.end({ code: 'host-away', message: 'cut' }));

  assert.deepEqual(await running, { kind: 'detached' });
});

test('a signal that aborts ends it with its reason', { timeout: 20_000 }, async (t) => {
  const { session, abort } = aCaller(t, (stream) => {
    stream.send({ type: 'accept', json: accept });
    setImmediate(abort);
  });

  await assert.rejects(session.run(), /enough/);
  await assert.rejects(textOf(session), /enough/);
});

test('all that was read is the end of it, even if the link is lost just then', { timeout: 20_000 }, async (t) => {
  const { session, links } = aCaller(t, (stream) => {
    stream.send({ type: 'accept', json: accept });
    stream.send(data(0, 'all'));
    stream.send({ type: 'control', json: { event: 'exit', code: 2 } });
    stream.send({ type: 'end', offset: 3 });
  });
  const running = session.run();
  const output = session.output()[Symbol.asyncIterator]();
  await output.next();
  links[0]?.end({ code: 'host-away', message: 'cut' });

  assert.equal((await output.next()).done, true);
  assert.deepEqual(await running, { kind: 'ended', exit: { code: 2, signal: undefined } });
});

test('who has all of it reads on, though the session is gone by then', { timeout: 20_000 }, async (t) => {
  const { session, links } = aCaller(t, (stream, count) => {
    if (count > 1) {
      stream.close({ code: 'session-lost', message: 'the agent was started again' });
      return;
    }
    stream.send({ type: 'accept', json: accept });
    stream.send(data(0, 'all'));
    stream.send({ type: 'control', json: { event: 'exit', code: 2 } });
    stream.send({ type: 'end', offset: 3 });
  });
  const running = session.run();
  await waitUntil('the end to come', () => session.hasAll);
  links[0]?.end({ code: 'host-away', message: 'cut' });

  assert.equal(await textOf(session), 'all');
  assert.deepEqual(await running, { kind: 'ended', exit: { code: 2, signal: undefined } });
  assert.equal(links.length, 1);
});

test('what is refused is told as it is, at once', { timeout: 20_000 }, async (t) => {
  const { session, links } = aCaller(t, (stream) =>
    stream.close({ code: 'refused', message: 'Cannot attach: viewers may not', next: 'Ask an operator.' }),
  );

  await assert.rejects(session.run(), (error) => isAppError(error, 'refused') && error.next === 'Ask an operator.');
  assert.equal(links.length, 1);
});

test('who joins what is old has missed nothing; who comes back is told what is gone', {
  timeout: 20_000,
}, async (t) => {
  const told: string[] = [];
  const { session, links } = aCaller(
    t,
    (stream, count) => {
      stream.send({ type: 'accept', json: { ...accept, output: count === 1 ? 1_000 : 1_500 } });
      if (count === 1) setImmediate(() => links[0]?.end({ code: 'host-away', message: 'cut' }));
      else stream.send({ type: 'end', offset: 1_500 });
    },
    {
      onNotice: (text) => told.push(text),
      open: { host: 'box', window: 1_024, session: { kind: 'join', sessionId: accept.sessionId } },
    },
  );
  const reading = textOf(session);

  assert.equal((await session.run()).kind, 'ended');
  assert.equal(await reading, '');
  assert.deepEqual(told, ['500 bytes of output came while nobody could read them and are gone']);
});

test('an agent that is at the end of all offsets is no harm', { timeout: 20_000 }, async (t) => {
  const { session } = aCaller(t, (stream) => {
    stream.send({ type: 'accept', json: { ...accept, output: 2 ** 48 - 9 } });
    stream.send(data(2 ** 48 - 9, 'last'));
    stream.send({ type: 'control', json: { event: 'gap', offset: sessionLimits.offset } });
    stream.send({ type: 'end', offset: sessionLimits.offset });
  });
  const running = session.run();

  assert.equal(await textOf(session), 'last');
  assert.equal((await running).kind, 'ended');
});

test('who comes back asks for no more than it has room for, and tells what it read since', {
  timeout: 20_000,
}, async (t) => {
  const opens: unknown[] = [];
  const credits: number[] = [];
  const { session, links } = aCaller(
    t,
    (stream, count) => {
      stream.send({ type: 'accept', json: { ...accept, output: count === 1 ? 0 : 4_096 } });
      if (count > 1) return;
      stream.send(data(0, 'x'.repeat(4_096)));
      setImmediate(() => setImmediate(() => links[0]?.end({ code: 'host-away', message: 'cut' })));
    },
    {},
    {
      onOpen: (open) => opens.push(open),
      onFrame: (frame) => void (frame.type === 'credit' && credits.push(frame.offset)),
    },
  );
  const running = session.run();
  await waitUntil('its return', () => opens.length === 2);
  const output = session.output()[Symbol.asyncIterator]();
  await output.next();
  void output.next();
  await waitUntil('its credit', () => credits.includes(8_192));
  session.detach();
  await running;

  const { resume } = openSchema.parse(opens[1]);
  assert.deepEqual(resume, { seat: accept.seat, received: 4_096, credit: 4_096 });
});

test('an OPEN that was not answered is sent again as the same one', { timeout: 20_000 }, async (t) => {
  const opens: unknown[] = [];
  const { session } = aCaller(
    t,
    (stream, count) => {
      if (count === 1) stream.close({ code: 'host-away', message: 'lost' });
      else stream.send({ type: 'accept', json: accept });
      stream.send({ type: 'end', offset: 0 });
    },
    {},
    { onOpen: (open) => opens.push(open) },
  );
  const running = session.run();
  await textOf(session);
  await running;

  assert.equal(opens.length, 2);
  assert.deepEqual(opens[0], opens[1]);
  assert.ok(openSchema.parse(opens[0]).seat);
});

for (const [code, message, told] of [
  ['timed-out', 'nothing was typed for 4 h', 'Cannot go on with the session: nothing was typed for 4 h'],
  ['protocol', 'offset 3 came before 2', 'Cannot go on with the session: offset 3 came before 2'],
  ['refused', 'Cannot \u001b[2Jsee\nit', 'Cannot see it'],
  ['not-found', 'Cannot open "web": no such workspace', 'Cannot open "web": no such workspace'],
] as const) {
  test(`a session that is closed as ${code} says what was not possible`, { timeout: 20_000 }, async (t) => {
    const { session } = aCaller(t, (stream) => stream.close({ code, message }));

    await assert.rejects(session.run(), (error) => isAppError(error) && error.message === told);
  });
}

test('several may write at once', { timeout: 20_000 }, async (t) => {
  const { session } = aCaller(t, (stream) => {
    stream.send({ type: 'accept', json: accept });
    setImmediate(() => stream.send({ type: 'end', offset: 0 }));
  });
  const running = session.run();
  const writes = [1, 2, 3].map(() => session.write(Buffer.alloc(2 * sessionLimits.copyWindowBytes)));
  await textOf(session);

  assert.equal((await running).kind, 'ended');
  await Promise.all(writes);
});

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { randomFrom } from '../../test/support/seeded-random.ts';
import { openSchema, type SessionSpec, sessionLimits } from '../contracts/session-wire.ts';
import type { LoggedBytes } from './byte-log.ts';
import { CallerSession } from './caller-session.ts';
import { FrameLink } from './frame-link.ts';
import type { LinkStream } from './link-stream.ts';
import { type PortEnd, portEnd } from './port-end.suite.ts';
import { sessionSample } from './session.suite.ts';
import { Session } from './session.ts';
import type { Exit, Source } from './source.ts';
import { Splice } from './splice.ts';

const seed = Number(process.env['AGORA_TEST_SEED'] ?? Date.now() % 1_000_000_007);
const exec: SessionSpec = { kind: 'exec', workspace: 'web', command: ['cat'], env: [], interactive: true };

/** Says its script and hears what it is told, now and then after a turn of the event loop. */
function scriptedSource(script: readonly LoggedBytes[], random: () => number) {
  const heard: Buffer[] = [];
  const ended = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  const pause = () => (random() < 0.3 ? new Promise((resolve) => setImmediate(resolve)) : Promise.resolve());
  async function* output() {
    for (const part of script) {
      await pause();
      yield part;
    }
  }
  const source: Source = {
    output: output(),
    write: async (bytes) => {
      heard.push(Buffer.from(bytes));
      await pause();
    },
    endInput: async () => ended.resolve(),
    resize: async () => undefined,
    signal: async () => undefined,
    exit: async (): Promise<Exit> => {
      await Promise.race([ended.promise, closed.promise]);
      return { code: 7 };
    },
    close: () => closed.resolve(),
  };
  return { source, heard: () => Buffer.concat(heard) };
}

/** Carries what two ends send until one of them has ended, all is over, or `mostMessages` went: then both lose their link. */
function breakingLink(ends: readonly [LinkEnd, LinkEnd], { random, mostMessages, isOver, onCut }: Chance): void {
  let left = 3 + Math.floor(random() * mostMessages);
  const [one, other] = ends;
  const step = () => {
    if (one.link.isEnded || other.link.isEnded || isOver() || left <= 0) {
      for (const { link } of ends) link.end({ code: 'host-away', message: 'cut' });
      onCut();
      return;
    }
    const count = 1 + Math.floor(random() * 3);
    left -= Math.min(count, one.end.sent.length) + Math.min(count, other.end.sent.length);
    one.end.carry((message) => other.link.receive(message), count);
    other.end.carry((message) => one.link.receive(message), count);
    setImmediate(step);
  };
  setImmediate(step);
}

interface LinkEnd {
  readonly end: PortEnd;
  readonly link: FrameLink;
}

interface Breaks {
  readonly random: () => number;
  readonly mostMessages: number;
}

interface Chance extends Breaks {
  readonly isOver: () => boolean;
  readonly onCut: () => void;
}

/** A caller's way over a server to an agent with one session; links on both sides of the server break. */
function breakingWay(source: Source, breaks: Breaks) {
  let [session, toAgent]: [Session | undefined, FrameLink | undefined] = [undefined, undefined];
  let [isOver, cuts] = [false, 0];
  const onCut = () => {
    cuts += 1;
  };
  const chance: Chance = { ...breaks, isOver: () => isOver, onCut };
  const newSession = () =>
    new Session({
      ...sessionSample,
      source,
      onEnd: () => {
        isOver = true;
      },
    });
  const onOpen = (stream: LinkStream, request: unknown) => {
    const { resume, window } = openSchema.parse(request);
    session ??= newSession();
    if (resume === undefined) return session.join(stream, { actor: 'ada', window });
    return session.resume(resume.seat, stream, {
      received: resume.received,
      credit: resume.credit,
      window,
      actor: 'ada',
    });
  };
  const linkToAgent = () => {
    if (toAgent !== undefined && !toAgent.isEnded) return toAgent;
    const [near, far] = [portEnd(), portEnd()];
    toAgent = new FrameLink({ port: near.port, mostStreams: 5 });
    const agent = new FrameLink({ port: far.port, mostStreams: 5, onOpen });
    breakingLink(
      [
        { end: near, link: toAgent },
        { end: far, link: agent },
      ],
      chance,
    );
    return toAgent;
  };
  const relay = (caller: LinkStream, request: unknown) =>
    new Splice({
      caller,
      windowBytes: openSchema.parse(request).window,
      openAgent: (handler) => linkToAgent().open(request, handler),
      onEnd: ({ close }) => assert.notEqual(close.code, 'protocol', close.message),
    }).handler;
  const connect = async (): Promise<FrameLink> => {
    assert.ok(!isOver, 'it comes back to what is over');
    const [here, there] = [portEnd(), portEnd()];
    const caller = new FrameLink({ port: here.port, mostStreams: 1 });
    const server = new FrameLink({ port: there.port, mostStreams: 1, onOpen: relay });
    breakingLink(
      [
        { end: here, link: caller },
        { end: there, link: server },
      ],
      chance,
    );
    return caller;
  };
  const close = () => {
    isOver = true;
  };
  return { connect, close, cuts: () => cuts };
}

function randomScript(random: () => number): LoggedBytes[] {
  const parts = Math.floor(random() * 60);
  return Array.from({ length: parts }, (_, index) => {
    const size = random() < 0.2 ? Math.floor(random() * 200_000) : 1 + Math.floor(random() * 500);
    return { channel: random() < 0.3 ? 'error' : 'output', bytes: Buffer.alloc(Math.max(1, size), index % 251) };
  });
}

test('each byte in and out arrives exactly once, however often the link is cut', { timeout: 50_000 }, async (t) => {
  t.diagnostic(`seed ${seed} (AGORA_TEST_SEED runs it again)`);
  let cuts = 0;
  for (let round = 0; round < 25; round += 1) {
    const random = randomFrom(seed + round);
    const told = `round ${round} of seed ${seed}`;
    const script = randomScript(random);
    const typed = Buffer.concat(randomScript(random).map(({ bytes }) => bytes));
    const { source, heard } = scriptedSource(script, random);
    const way = breakingWay(source, { random, mostMessages: round % 2 === 0 ? 15 : 60 });
    const session = new CallerSession({
      open: { host: 'h', session: exec, window: sessionLimits.windowBytes },
      connect: way.connect,
      onNotice: (text) => assert.fail(`${told}: ${text}`),
      signal: t.signal,
    });
    const running = session.run();
    const got = readAll(session);
    await session.write(typed);
    session.endInput();

    assert.deepEqual(await got, digests(script), told);
    assert.deepEqual(await running, { kind: 'ended', exit: { code: 7, signal: undefined } }, told);
    assert.equal(digest(heard()), digest(typed), told);
    cuts += way.cuts();
    way.close();
  }
  assert.ok(cuts >= 25, `only ${cuts} cuts`);
});

async function readAll(session: CallerSession) {
  const parts: LoggedBytes[] = [];
  for await (const part of session.output()) parts.push(part);
  return digests(parts);
}

function digests(parts: readonly LoggedBytes[]) {
  const of = (name: LoggedBytes['channel']) =>
    digest(Buffer.concat(parts.filter(({ channel }) => channel === name).map(({ bytes }) => bytes)));
  return { output: of('output'), error: of('error') };
}

function digest(bytes: Uint8Array): string {
  return `${bytes.length}:${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}`;
}

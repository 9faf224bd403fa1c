import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { casesOf, leftToNpmTest } from '../../test/support/quick-tests.ts';
import { chosen, randomFrom } from '../../test/support/seeded-random.ts';
import { waitUntil } from '../base/deadline.ts';
import { openSchema, type RelayedOpen, type SessionSpec, sessionLimits } from '../contracts/session-wire.ts';
import type { LoggedBytes } from './byte-log.ts';
import { CallerSession } from './caller-session.ts';
import { FrameLink } from './frame-link.ts';
import type { LinkStream } from './link-stream.ts';
import { type PortEnd, portEnd } from './port-end.suite.ts';
import { type OpenedSource, SessionDesk } from './session-desk.ts';
import { hurriedTime } from './simulated-time.suite.ts';
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

/** A caller's way over a server to an agent with one source; links on both sides of the server break. */
function breakingWay(opened: OpenedSource, breaks: Breaks) {
  let toAgent: FrameLink | undefined;
  let [isOver, cuts, opens] = [false, 0, 0];
  const onCut = () => {
    cuts += 1;
  };
  const chance: Chance = { ...breaks, isOver: () => isOver, onCut };
  const desk = new SessionDesk({
    open: async () => {
      opens += 1;
      await new Promise((resolve) => setImmediate(resolve));
      return opened;
    },
  });
  const linkToAgent = () => {
    if (toAgent !== undefined && !toAgent.isEnded) return toAgent;
    const [near, far] = [portEnd(), portEnd()];
    toAgent = new FrameLink({ port: near.port, mostStreams: 5 });
    const agent = new FrameLink({ port: far.port, mostStreams: 5, onOpen: (stream, open) => desk.take(stream, open) });
    breakingLink(
      [
        { end: near, link: toAgent },
        { end: far, link: agent },
      ],
      chance,
    );
    return toAgent;
  };
  const relay = (caller: LinkStream, request: unknown) => {
    const { host: _, ...open } = openSchema.parse(request);
    const relayed: RelayedOpen = { ...open, actor: 'ada', role: 'operator' };
    return new Splice({
      ...{ caller, windowBytes: open.window, resume: open.resume },
      openAgent: (handler) => linkToAgent().open(relayed, handler),
      onEnd: ({ close }) => assert.notEqual(close.code, 'protocol', close.message),
    }).handler;
  };
  const connect = async (): Promise<FrameLink> => {
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
    desk.close({ code: 'done', message: 'the round is over' });
  };
  return { connect, close, cuts: () => cuts, opens: () => opens, desk };
}

/** Parts that look like no other, so that one that comes twice, late or never shows. */
function randomScript(random: () => number, mostBytes: number): LoggedBytes[] {
  const parts = Math.floor(random() * 60);
  return Array.from({ length: parts }, () => {
    const size = random() < 0.2 ? Math.floor(random() * mostBytes) : 1 + Math.floor(random() * 500);
    const bytes = Buffer.alloc(Math.max(4, size));
    for (let at = 0; at + 4 <= bytes.length; at += 4) bytes.writeUInt32LE(Math.floor(random() * 2 ** 32), at);
    return { channel: random() < 0.3 ? 'error' : 'output', bytes };
  });
}

/** One that reads all there is, now and then late, and remembers what it was told is gone. */
function aReader(session: SessionSpec, { way, random, window, signal }: Reading) {
  let lostBytes = 0;
  const caller = new CallerSession({
    open: { host: 'h', session, window },
    connect: way.connect,
    onNotice: (text) => {
      lostBytes += Number(/^(\d+) bytes/.exec(text)?.[1] ?? assert.fail(text));
    },
    signal,
  });
  const pause = random() < 0.5 ? 0 : 0.4;
  const read = async () => {
    const parts: LoggedBytes[] = [];
    for await (const part of caller.output()) {
      parts.push(part);
      if (random() < pause) await new Promise((resolve) => setImmediate(resolve));
    }
    return parts;
  };
  return { caller, running: caller.run(), reading: read(), lostBytes: () => lostBytes };
}

interface Reading {
  readonly way: ReturnType<typeof breakingWay>;
  readonly random: () => number;
  readonly window: number;
  readonly signal: AbortSignal;
}

const windows = [1_024, 4_096, sessionLimits.windowBytes, sessionLimits.copyWindowBytes] as const;

/** Of one part: a small window needs a turn for each of its bytes. */
const mostOf = (window: number) => Math.min(200_000, 12 * window);

/** A source with its script, and the way to it, as a seed decides. */
function aRound(round: number, isReadOn: boolean) {
  const random = randomFrom(seed + round);
  const [window, windowBytes] = [chosen(random, ...windows), chosen(random, ...windows)];
  const script = randomScript(random, mostOf(window));
  const typed = bytesOf(randomScript(random, mostOf(windowBytes)));
  const { source, heard } = scriptedSource(script, random);
  const opened = { source, isTerminal: false, readsOn: isReadOn, windowBytes };
  const way = breakingWay(opened, { random, mostMessages: round % 2 === 0 ? 15 : 60 });
  return { random, script, typed, heard, way, window, told: `round ${round} of seed ${seed}` };
}

test('each byte in and out arrives exactly once, however often the link is cut', { timeout: 120_000 }, async (t) => {
  t.diagnostic(`seed ${seed} (AGORA_TEST_SEED runs it again)`);
  hurriedTime(t);
  let cuts = 0;
  for (let round = 0; round < casesOf(20); round += 1) {
    const { random, script, typed, heard, way, window, told } = aRound(round, false);
    const { caller, running, reading, lostBytes } = aReader(exec, { way, random, window, signal: t.signal });
    await caller.write(typed);
    caller.endInput();

    assert.deepEqual(digests(await reading), digests(script), told);
    assert.deepEqual(await running, { kind: 'ended', exit: { code: 7, signal: undefined } }, told);
    assert.equal(digest(heard()), digest(typed), told);
    assert.deepEqual([lostBytes(), way.opens()], [0, 1], told);
    cuts += way.cuts();
    way.close();
  }
  assert.ok(cuts >= 20, `only ${cuts} cuts`);
});

test('what several viewers do not get is what they are told is gone, and nothing comes twice', {
  timeout: 120_000,
  skip: leftToNpmTest,
}, async (t) => {
  hurriedTime(t);
  for (let round = 0; round < 10; round += 1) {
    const { random, script, way, window, told } = aRound(1_000 + round, round % 2 === 0);
    const first = aReader(exec, { way, random, window, signal: t.signal });
    const accepted = await waitUntil(`${told}: its acceptance`, () => first.caller.accepted);
    const { sessionId } = accepted;
    const joining: Reading = { way, random, window: chosen(random, ...windows), signal: t.signal };
    const second = aReader({ kind: 'join', sessionId }, joining);
    await waitUntil(`${told}: the acceptance of the other`, () => second.caller.accepted);
    first.caller.endInput();
    second.caller.endInput();

    for (const { caller, running, reading, lostBytes } of [first, second]) {
      const whole = bytesOf(script);
      const skipped = skippedBytes(whole, await reading);
      assert.equal((await running).kind, 'ended', told);
      assert.ok(skipped === lostBytes() || (caller === second.caller && skipped >= lostBytes()), `${told}: ${skipped}`);
    }
    assert.equal(way.opens(), 1, told);
    way.close();
  }
});

/** Of the whole, where the parts lie in it one after the other. */
function skippedBytes(whole: Buffer, parts: readonly LoggedBytes[]): number {
  let [at, skipped] = [0, 0];
  for (const { bytes } of parts) {
    const found = whole.indexOf(bytes, at);
    assert.ok(found >= at, 'a part that is not there, or comes again');
    skipped += found - at;
    at = found + bytes.length;
  }
  return skipped + whole.length - at;
}

function bytesOf(parts: readonly LoggedBytes[]): Buffer {
  return Buffer.concat(parts.map(({ bytes }) => bytes));
}

function digests(parts: readonly LoggedBytes[]) {
  const of = (name: LoggedBytes['channel']) => digest(bytesOf(parts.filter(({ channel }) => channel === name)));
  return { output: of('output'), error: of('error') };
}

function digest(bytes: Uint8Array): string {
  return `${bytes.length}:${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}`;
}

import assert from 'node:assert/strict';
import { waitUntil } from '../base/deadline.ts';
import { acceptSchema, type Close, type SessionSpec, sessionLimits } from '../contracts/session-wire.ts';
import type { LoggedBytes } from './byte-log.ts';
import type { StreamFrame } from './frame.ts';
import { FrameLink, type FrameLinkOptions } from './frame-link.ts';
import type { LinkStream } from './link-stream.ts';
import { portEnd } from './port-end.suite.ts';
import { Session, type SessionOptions } from './session.ts';
import type { Source } from './source.ts';

/** Of which a session is unless a test says otherwise. */
export const specSample: SessionSpec = { kind: 'attach', workspace: 'web', interactive: true };

/** What a session is unless a test says otherwise. */
const sessionSample = {
  id: 's-aaaaaaaaaa',
  isTerminal: false,
  readsOn: false,
  windowBytes: sessionLimits.windowBytes,
  replayBytes: sessionLimits.replayBytes,
  mostSeats: 16,
  lingerMs: 60_000,
  onEnd: () => undefined,
} satisfies Omit<SessionOptions, 'source'>;

/** A source that says what the test puts, and remembers what it was told. */
export function aSource() {
  const waiting: LoggedBytes[] = [];
  const told: string[] = [];
  let [taken, isEnded, isClosed] = [0, false, false];
  let failure: Error | undefined;
  let awaited = Promise.withResolvers<void>();
  const change = () => {
    awaited.resolve();
    awaited = Promise.withResolvers();
  };
  async function* output() {
    for (;;) {
      const part = waiting.shift();
      if (part !== undefined) {
        taken += part.bytes.length;
        yield part;
      } else if (failure !== undefined) throw failure;
      else if (isEnded) return;
      else await awaited.promise;
    }
  }
  const source: Source = {
    output: output(),
    write: async (bytes) => void told.push(`write ${Buffer.from(bytes)}`),
    endInput: async () => void told.push('end'),
    resize: async ({ columns, rows }) => void told.push(`resize ${columns}x${rows}`),
    signal: async (name) => void told.push(name),
    exit: async () => ({ code: 3 }),
    close: () => {
      isClosed = true;
    },
  };
  const say = (bytes: string | Buffer, channel: LoggedBytes['channel'] = 'output') => {
    waiting.push({ channel, bytes: Buffer.from(bytes) });
    change();
  };
  const end = (error?: Error) => {
    isEnded = true;
    failure = error;
    change();
  };
  return { source, say, end, told, taken: () => taken, isClosed: () => isClosed };
}

/** A source that takes a part of its input when the test lets it. */
export function aSlowSource() {
  const { source, told } = aSource();
  const taking: (() => void)[] = [];
  const slow: Source = {
    ...source,
    write: async (bytes) => {
      await source.write(bytes);
      await new Promise<void>((resolve) => taking.push(resolve));
    },
  };
  return { slow, told, taking };
}

/** One that opens `request` over a link of its own, which is taken by `onOpen`. */
export function aViewerOf(onOpen: NonNullable<FrameLinkOptions['onOpen']>, request: unknown) {
  const [here, there] = [portEnd(), portEnd()];
  const frames: StreamFrame[] = [];
  const closes: Close[] = [];
  const caller = new FrameLink({ port: here.port, mostStreams: 1 });
  const agent = new FrameLink({ port: there.port, mostStreams: 1, onOpen });
  const stream: LinkStream =
    caller.open(request, { onFrame: (frame) => frames.push(frame), onClose: (close) => closes.push(close) }) ??
    assert.fail('it is not opened');
  const carry = () => {
    here.carry((message) => agent.receive(message));
    there.carry((message) => caller.receive(message));
  };
  carry();
  const text = () => Buffer.concat(frames.flatMap((frame) => (frame.type === 'data' ? [frame.bytes] : []))).toString();
  const becomes = (what: string, check: () => boolean) =>
    waitUntil(
      what,
      async () => {
        carry();
        return check();
      },
      { intervalMs: 2 },
    );
  const accept = () => {
    const first = frames.find(({ type }) => type === 'accept');
    return acceptSchema.parse(first?.type === 'accept' ? first.json : undefined);
  };
  const accepted = async () => {
    await becomes('its acceptance', () => frames.length > 0);
    return accept();
  };
  const closed = async () => {
    await becomes('its close', () => closes.length > 0);
    return closes[0];
  };
  const events = () => frames.flatMap((frame) => (frame.type === 'control' ? [frame.json] : []));
  const lose = () => {
    agent.end({ code: 'host-away', message: 'cut' });
    caller.end({ code: 'host-away', message: 'cut' });
  };
  return { stream, frames, closes, carry, text, becomes, accept, accepted, closed, events, lose };
}

export function aSession(source: Source, options: Partial<SessionOptions> = {}) {
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
export function aViewer(
  session: Session,
  { window = sessionLimits.windowBytes, actor = 'ada', ...resume }: Viewing = {},
) {
  let isTaken = true;
  const viewer = aViewerOf((stream) => {
    const { seat, received = 0, credit = received + window } = resume;
    const handler =
      seat === undefined
        ? session.join(stream, { actor, window, spec: specSample })
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

import { connect as connectTo, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { AppError, systemErrorCode } from '../contracts/errors.ts';
import { type Close, openSchema, sessionLimits } from '../contracts/session-wire.ts';
import type { FrameLink } from './frame-link.ts';
import { joinedLinks } from './joined-links.ts';
import type { LinkStream, StreamHandler } from './link-stream.ts';
import { type OpenableSpec, type OpenedSource, SessionDesk } from './session-desk.ts';
import type { Source } from './source.ts';

/** A host whose workspaces' ports are those of this machine. */
export interface ProxyHost {
  /** A link to it, as a server gives one. */
  connect(): FrameLink;
  /** How many connections were asked for so far. */
  readonly opened: number;
  /** How many there are. */
  readonly open: number;
  /** Whatever is asked for from now on is refused so; undefined: nothing is. */
  refuse(close: Close | undefined): void;
  /** Cuts all links. */
  cut(): void;
}

export type PortOf = (workspace: string, port: number) => number;

/** For tests: sessions of kind proxy, each to the port that `portOf` names for its workspace and port. */
export function aProxyHost(t: TestContext, portOf: PortOf): ProxyHost {
  const links = new Set<FrameLink>();
  let [opened, refusal]: [number, Close | undefined] = [0, undefined];
  const desk = new SessionDesk({
    open: (spec) => {
      opened += 1;
      return openPort(spec, portOf);
    },
  });
  const onOpen = (stream: LinkStream, request: unknown): StreamHandler | undefined => {
    const { host: _, ...relayed } = openSchema.parse(request);
    if (refusal === undefined) return desk.take(stream, { ...relayed, actor: 'ana', role: 'operator' });
    stream.close(refusal);
    return undefined;
  };
  const cut = () => {
    for (const link of links) link.end({ code: 'host-away', message: 'cut' });
    links.clear();
  };
  t.after(() => {
    cut();
    desk.close({ code: 'cancelled', message: 'the test is over' });
  });
  return {
    connect: () => {
      const mostStreams = sessionLimits.callerStreams;
      const { near, far } = joinedLinks({ mostStreams }, { mostStreams, onOpen });
      links.add(near).add(far);
      return near;
    },
    get opened() {
      return opened;
    },
    get open() {
      return desk.list().length;
    },
    refuse: (close) => {
      refusal = close;
    },
    cut,
  };
}

/** For the desk of a host. */
export async function openPort(spec: OpenableSpec, portOf: PortOf): Promise<OpenedSource> {
  if (spec.kind !== 'proxy') throw new AppError('refused', 'Cannot open it: this host has ports only');
  const source = socketSource(await connected(portOf(spec.workspace, spec.port)));
  return { source, isTerminal: false, readsOn: false };
}

async function connected(port: number): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connectTo({ port, host: '127.0.0.1', allowHalfOpen: true }, () => resolve(socket));
  socket.on('error', (cause) => {
    const state = systemErrorCode(cause) === 'ECONNREFUSED' ? 'nothing listens there' : cause.message;
    reject(new AppError('unreachable', `Cannot connect to port ${port}: ${state}`, { cause }));
  });
  return promise;
}

function socketSource(socket: Socket): Source {
  async function* output() {
    for await (const bytes of socket) yield { channel: 'output', bytes } as const;
  }
  return {
    output: output(),
    write: async (bytes) => {
      if (socket.write(bytes) || socket.destroyed) return;
      await new Promise<void>((resolve) => {
        socket.once('drain', resolve);
        socket.once('close', resolve);
      });
    },
    endInput: async () => void socket.end(),
    resize: async () => undefined,
    signal: async () => undefined,
    exit: async () => undefined,
    close: () => void socket.destroy(),
  };
}

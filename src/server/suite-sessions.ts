import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { WebSocket } from 'ws';
import { agentSocketPath } from '../contracts/routes-agent.ts';
import { type Open, sessionLimits, sessionSubprotocol } from '../contracts/session-wire.ts';
import { connectSessions } from '../server-client/session-link.ts';
import { CallerSession, type CallerSessionOptions } from '../session/caller-session.ts';
import { FrameLink } from '../session/frame-link.ts';
import { aSource } from '../session/session.suite.ts';
import { type OpenableSpec, type OpenedSource, SessionDesk } from '../session/session-desk.ts';
import { socketPort } from '../session/socket-port.ts';
import { TestAgent, type TestServer } from './suite-server.ts';

export interface TestHostOptions {
  readonly name?: string;
  readonly open: (spec: OpenableSpec) => OpenedSource | Promise<OpenedSource>;
}

/** A host that is admitted, whose agent has sessions with what a test gives. */
export async function startHost(t: TestContext, { url, admin }: TestServer, options: TestHostOptions) {
  const { joinToken } = await admin.call('createJoinToken', { body: {} });
  const agent = new TestAgent(url);
  await agent.register({ joinToken, name: options.name ?? 'box' });
  await agent.heartbeat();
  const desk = new SessionDesk({ open: async (spec) => options.open(spec) });
  t.after(() => desk.close({ code: 'cancelled', message: 'the test is over' }));
  /** Another socket, where it is told of another server or agent that has the same sessions. */
  const connect = (at = url, as = agent) => connectAgent(t, { url: at, agent: as, desk });
  return { agent, desk, connect, socket: await connect() };
}

interface Connecting {
  readonly url: string;
  readonly agent: TestAgent;
  readonly desk: SessionDesk;
}

async function connectAgent(t: TestContext, { url, agent, desk }: Connecting): Promise<WebSocket> {
  const socket = newAgentSocket(t, { url, agent }, [sessionSubprotocol]);
  // At once: frames may come with the answer to the upgrade.
  const link = new FrameLink({
    mostStreams: sessionLimits.agentStreams,
    port: socketPort(socket),
    onOpen: (stream, request) => desk.take(stream, request),
  });
  socket.on('message', (bytes, isBinary) => isBinary && bytes instanceof Uint8Array && link.receive(bytes));
  socket.on('close', () => link.end({ code: 'host-away', message: 'the link was lost' }));
  await once(socket, 'open');
  return socket;
}

/** The socket of an agent, with nothing behind it. */
export async function agentSocket(
  t: TestContext,
  to: Omit<Connecting, 'desk'>,
  offers: readonly string[] = [sessionSubprotocol],
): Promise<WebSocket> {
  const socket = newAgentSocket(t, to, offers);
  await once(socket, 'open');
  return socket;
}

function newAgentSocket(
  t: TestContext,
  { url, agent }: Omit<Connecting, 'desk'>,
  offers: readonly string[],
): WebSocket {
  const authorization = agent.authorization({ method: 'GET', path: agentSocketPath, body: undefined });
  const at = `${url.replace('http', 'ws')}${agentSocketPath}`;
  const socket = new WebSocket(at, [...offers], { headers: { authorization } });
  t.after(() => socket.terminate());
  socket.on('error', () => undefined);
  return socket;
}

/** A link of a user whose token this is, gone after the test. */
export function linkOf(t: TestContext, url: string, token: string): Promise<FrameLink> {
  const controller = new AbortController();
  t.after(() => controller.abort());
  return connectSessions({ url, authorization: `Bearer ${token}`, signal: controller.signal });
}

/** What a session is opened with unless a test says otherwise. */
export function anOpen(changes: Partial<Open> = {}): Open {
  const session = { kind: 'exec' as const, workspace: 'web', command: ['cat'], env: [], interactive: true };
  return { host: 'box', session, window: sessionLimits.windowBytes, ...changes };
}

/** For those who only read. */
export const logsOfWeb = {
  kind: 'logs',
  source: { of: 'workspace', name: 'web' },
  follow: true,
  timestamps: false,
} as const satisfies Open['session'];

/** What a host opens where a test does not look at it: it says nothing, and does not end. */
export function quiet(): OpenedSource {
  return { source: aSource().source, isTerminal: false, readsOn: false };
}

/** A session over links that `connect` makes. */
export function callSession(
  t: TestContext,
  connect: CallerSessionOptions['connect'],
  open: Open = anOpen(),
  onAway: CallerSessionOptions['onAway'] = () => undefined,
) {
  const controller = new AbortController();
  t.after(() => controller.abort());
  const session = new CallerSession({ open, connect, onAway, signal: controller.signal });
  const ended = session.run();
  // Many tests end before it does.
  ended.catch(() => undefined);
  return { session, ended, controller };
}

/** All that a session says, once it has ended. */
export function textOf(session: CallerSession): Promise<string> {
  return text(bytesOf(session));
}

async function* bytesOf(session: CallerSession): AsyncGenerator<Uint8Array> {
  for await (const { bytes } of session.output()) yield bytes;
}

import assert from 'node:assert/strict';
import { engineForTests } from '../../test/support/engine.ts';
import { waitUntil } from '../base/deadline.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { hostLabels, previousContainerName } from '../contracts/fleet-names.ts';
import { hostSpecSchema, workspaceSpecSchema } from '../contracts/host-spec.ts';
import { sessionLimits, sessionSpecSchema } from '../contracts/session-wire.ts';
import { dockerHostEngine } from '../engine/docker-host.ts';
import { dockerHostSessions } from '../engine/docker-host-sessions.ts';
import { parseEngineHost } from '../engine/endpoint.ts';
import type { HostEngine } from '../engine/host-engine.ts';
import type { HostSessions, SessionBytes } from '../engine/host-sessions.ts';
import { SuiteHost } from '../engine/suite-host.ts';
import type { LoggedBytes } from '../session/byte-log.ts';
import { CallerSession, type SessionOutcome } from '../session/caller-session.ts';
import { FrameLink, type FramePort } from '../session/frame-link.ts';
import { AgentSessions } from './agent-sessions.ts';

export const { engine: found, skip } = await engineForTests();

export interface Heard {
  readonly output: string;
  readonly error: string;
  /** Of both. */
  readonly bytes: Buffer;
  readonly notices: readonly string[];
  readonly outcome: SessionOutcome;
}

interface Call {
  readonly session: CallerSession;
  readonly notices: readonly string[];
  readonly ended: Promise<SessionOutcome>;
  /** Leaves it for good. */
  readonly cancel: () => void;
}

/** Workspaces on an engine, and an agent's sessions with them as a server would have them. */
export class SessionsOnEngine {
  readonly host = new SuiteHost();
  readonly engine: HostEngine;
  readonly lines: string[] = [];
  /** Whether the engine goes away after each part of a log. */
  breaksLogs = false;
  readonly #sessions: HostSessions;
  readonly #workspaces: Record<string, unknown> = {};
  #agent: AgentSessions;
  #link: FrameLink;

  constructor() {
    const endpoint = parseEngineHost(found?.address ?? 'unix:///none', 'test');
    this.engine = dockerHostEngine({ endpoint });
    const sessions = dockerHostSessions({ endpoint });
    this.#sessions = { ...sessions, readLog: (...asked) => this.#broken(sessions.readLog(...asked)) };
    this.#agent = this.#newAgent();
    this.#link = this.#newLink();
  }

  async open(): Promise<void> {
    await this.host.open(async () => ({ engine: this.engine, close: async () => {} }));
  }

  async close(): Promise<void> {
    await this.#agent.close();
    await this.host.sweep();
    await this.host.close();
  }

  /** A socket that is lost, and another. */
  reconnect(): void {
    this.#link.end({ code: 'host-away', message: 'the test cut it' });
    this.#link = this.#newLink();
  }

  /** The agent ends as it should, and another one begins. */
  async restartAgent(): Promise<void> {
    await this.#agent.close();
    this.#agent = this.#newAgent();
    this.reconnect();
  }

  /** A workspace that is declared and runs; its name. */
  async start(what: string, script: string, wish: object = {}): Promise<string> {
    const name = this.host.named(what);
    this.#workspaces[name] = { image: this.host.tag };
    await this.engine.startContainer(await this.#create(what, name, { command: ['sh', '-c', script], ...wish }));
    return name;
  }

  declare(what: string): string {
    this.#workspaces[this.host.named(what)] = { image: this.host.tag };
    return this.host.named(what);
  }

  call(session: unknown, windowBytes: number = sessionLimits.windowBytes): Call {
    const notices: string[] = [];
    const leaving = new AbortController();
    const asked = { session: sessionSpecSchema.parse(session), window: windowBytes, actor: 'ann', role: 'operator' };
    const caller = new CallerSession({
      open: asked,
      connect: async () => this.#link,
      onNotice: (text) => notices.push(text),
      signal: leaving.signal,
    });
    const ended = caller.run();
    ended.catch(() => undefined);
    return { session: caller, notices, ended, cancel: () => leaving.abort() };
  }

  /** Whether it opens, or the code of why not. */
  async tries(session: unknown): Promise<string> {
    const { session: caller, ended, cancel } = this.call(session);
    const isOpen = waitUntil('it to open', () => caller.accepted).then(() => 'open');
    const state = await Promise.race([isOpen, ended.then(() => 'ended')]).catch((error: unknown) => {
      return isAppError(error) ? error.code : String(error);
    });
    cancel();
    return state;
  }

  get openSessions(): number {
    return this.#agent.openSessions;
  }

  /** What it says from now on. */
  follow(session: unknown): Call & { readonly text: () => string } {
    const call = this.call(session);
    let text = '';
    void (async () => {
      for await (const { bytes } of call.session.output()) text += Buffer.from(bytes);
    })().catch(() => undefined);
    return { ...call, text: () => text };
  }

  /** As an update does it that stops the old container first. */
  async replace(what: string, script: string): Promise<void> {
    const name = this.host.named(what);
    const { id } = await this.host.see(what);
    await this.engine.renameContainer(id, previousContainerName(name));
    await this.engine.stopContainer(id, 0);
    await this.engine.startContainer(await this.#create(what, name, { command: ['sh', '-c', script] }));
    await this.engine.removeContainer(id);
  }

  /** All that a session says, with this as its input. */
  async hear(session: unknown, input?: string | Uint8Array): Promise<Heard> {
    const call = this.call(session);
    if (input !== undefined) {
      void call.session
        .write(typeof input === 'string' ? Buffer.from(input) : input)
        .then(() => call.session.endInput());
    }
    const parts: LoggedBytes[] = [];
    for await (const part of call.session.output()) parts.push(part);
    const bytesOf = (channels: readonly string[]) =>
      Buffer.concat(parts.filter(({ channel }) => channels.includes(channel)).map(({ bytes }) => bytes));
    return {
      output: bytesOf(['output']).toString(),
      error: bytesOf(['error']).toString(),
      bytes: bytesOf(['output', 'error']),
      notices: call.notices,
      outcome: await call.ended,
    };
  }

  labelsOf(what: string): Record<string, string> {
    return { ...this.host.labels, [hostLabels.name]: this.host.named(what) };
  }

  /** It is declared no more, and gone. */
  async remove(what: string): Promise<void> {
    delete this.#workspaces[this.host.named(what)];
    await this.engine.removeContainer((await this.host.see(what)).id);
  }

  async #create(what: string, container: string, wish: object): Promise<string> {
    const { tag, imageId } = this.host;
    const spec = workspaceSpecSchema.parse({ image: tag, restart: 'no', stopGrace: 0, ...wish });
    const labels = this.labelsOf(what);
    return await this.engine.createWorkspace({ name: container, spec, imageId, secrets: {}, labels });
  }

  async *#broken(log: AsyncIterable<SessionBytes>): AsyncGenerator<SessionBytes> {
    for await (const part of log) {
      yield part;
      if (this.breaksLogs) throw new AppError('unreachable', 'Cannot read a log: the engine is away');
    }
  }

  #newAgent(): AgentSessions {
    return new AgentSessions({
      engine: this.engine,
      sessions: this.#sessions,
      hostId: () => this.host.labels[hostLabels.host],
      spec: () => hostSpecSchema.parse({ schemaVersion: 1, workspaces: this.#workspaces }),
      log: (line) => void this.lines.push(line),
    });
  }

  #newLink(): FrameLink {
    const agent = this.#agent;
    const later = (take: (message: Uint8Array) => void): FramePort => ({
      send: (message, onSent) =>
        setImmediate(() => {
          onSent();
          take(message);
        }),
      end: (_code, reason) => assert.fail(`the link ended: ${reason}`),
    });
    const link = new FrameLink({
      port: later((message) => frames.receive(message)),
      mostStreams: sessionLimits.callerStreams,
    });
    const frames = agent.frames(later((message) => link.receive(message)));
    return link;
  }
}

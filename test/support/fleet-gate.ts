import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { TestContext } from 'node:test';
import type { EngineEndpoint } from '../../src/engine/endpoint.ts';

/** Where a server of HTTP listens. */
export type HttpPlace = { readonly socketPath: string } | { readonly host: string; readonly port: number };

/** Something that happens at one of the calls that count, the first being 1: before it is made, once it is, or once it is answered. */
export interface Ambush {
  readonly call: number;
  readonly moment: 'before' | 'during' | 'after';
  readonly strike: () => void;
}

/** Before an engine, counting what changes it; with how an agent reaches it. Its socket is in the folder. */
export async function gateOfEngine(
  t: TestContext,
  engine: EngineEndpoint,
  folder: string,
): Promise<{ readonly gate: Gate; readonly host: string }> {
  if (engine.kind !== 'unix') throw new Error('the engine of a test is at a socket');
  const socketPath = join(folder, 'engine.sock');
  const counts: GateOptions['counts'] = ({ method }) => method !== 'GET' && method !== 'HEAD';
  const gate = await Gate.open(t, { at: { socketPath }, to: { socketPath: engine.path }, counts });
  return { gate, host: `unix://${socketPath}` };
}

export interface GateOptions {
  /** Where it listens; port 0 takes a free one. */
  readonly at: HttpPlace;
  readonly to: HttpPlace;
  readonly counts: (call: { readonly method: string; readonly path: string }) => boolean;
}

/** Stands before a server of HTTP and passes everything on, until an ambush. What was struck hears nothing more. */
export class Gate {
  /** Undefined: whoever comes finds nobody. */
  to: HttpPlace | undefined;
  /** How many that count have passed since the ambush was set. */
  passed = 0;
  readonly #counts: GateOptions['counts'];
  readonly #server = createServer((incoming, reply) => this.#pass(incoming, reply));
  readonly #connections = new Set<Duplex>();
  #ambush: Ambush | undefined;

  private constructor({ to, counts }: GateOptions) {
    this.to = to;
    this.#counts = counts;
    this.#server.on('connection', (socket) => this.#keep(socket));
    this.#server.on('upgrade', (incoming, socket, head) => this.#upgrade(incoming, socket, head));
  }

  static async open(t: TestContext, options: GateOptions): Promise<Gate> {
    const gate = new Gate(options);
    await new Promise<void>((resolve, reject) => {
      gate.#server.on('error', reject);
      const { at } = options;
      if ('socketPath' in at) gate.#server.listen(at.socketPath, resolve);
      else gate.#server.listen(at.port, at.host, resolve);
    });
    t.after(() => gate.#close());
    return gate;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port; // It listens on TCP where somebody asks.
  }

  lay(ambush: Ambush | undefined): void {
    this.passed = 0;
    this.#ambush = ambush;
  }

  /** Nobody is behind it any more, and every connection is broken. */
  shut(): void {
    this.to = undefined;
    for (const connection of this.#connections) connection.destroy();
  }

  async #close(): Promise<void> {
    this.#ambush = undefined;
    this.shut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #pass(incoming: IncomingMessage, reply: ServerResponse): void {
    const { method = '', url = '' } = incoming;
    const isCounted = this.#counts({ method, path: url });
    if (isCounted) this.passed += 1;
    const struck = isCounted && this.#ambush?.call === this.passed ? this.#ambush : undefined;
    if (struck?.moment === 'before') {
      this.#strike(struck, reply);
      return;
    }
    const { headers } = incoming;
    if (this.to === undefined) {
      reply.destroy();
      return;
    }
    const outgoing = request({ ...this.to, method, path: url, headers, agent: false }, (answer) => {
      answer.on('error', () => reply.destroy());
      if (struck === undefined) this.#answer(answer, reply);
      else answer.on('end', () => this.#strike(struck, reply)).resume();
    });
    if (struck?.moment === 'during') outgoing.on('finish', () => this.#strike(struck, reply));
    outgoing.on('error', () => reply.destroy());
    reply.on('close', () => outgoing.destroy());
    incoming.on('error', () => outgoing.destroy()).pipe(outgoing);
  }

  #answer(answer: IncomingMessage, reply: ServerResponse): void {
    reply.writeHead(answer.statusCode ?? 502, answer.headers);
    reply.flushHeaders();
    answer.pipe(reply);
  }

  /** One that was called off in the meantime is a connection that broke. */
  #strike(ambush: Ambush, reply: ServerResponse): void {
    if (this.#ambush === ambush) ambush.strike();
    this.#ambush = undefined;
    reply.destroy();
  }

  #upgrade({ method, url, rawHeaders }: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.to === undefined) {
      socket.destroy();
      return;
    }
    const onward = 'socketPath' in this.to ? connect(this.to.socketPath) : connect(this.to.port, this.to.host);
    this.#keep(onward);
    const lines = rawHeaders.map((text, index) => (index % 2 === 0 ? `${text}: ` : `${text}\r\n`)).join('');
    onward.write(`${method} ${url} HTTP/1.1\r\n${lines}\r\n`);
    onward.write(head);
    onward.on('close', () => socket.destroy()).pipe(socket);
    socket.on('close', () => onward.destroy()).pipe(onward);
  }

  #keep(connection: Duplex): void {
    this.#connections.add(connection);
    connection.on('error', () => connection.destroy()).on('close', () => this.#connections.delete(connection));
  }
}

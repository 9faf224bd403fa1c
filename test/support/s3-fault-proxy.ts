import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Transform, type TransformCallback } from 'node:stream';
import { sleep } from '../../src/base/deadline.ts';
import { chosen } from './seeded-random.ts';

/** What happens to one request. `flipped` and `cut` concern the bytes of its body, or of the answer's; an empty answer is lost. */
export type S3Fault =
  | { readonly kind: 'error'; readonly status: number; readonly code: string }
  | { readonly kind: 'silence' }
  | { readonly kind: 'late'; readonly ms: number }
  | { readonly kind: 'cut' | 'flipped'; readonly what: 'request' | 'answer' };

/** What comes and goes at a service that is in trouble. */
const passingFaults: readonly [S3Fault, ...S3Fault[]] = [
  { kind: 'error', status: 500, code: 'InternalError' },
  { kind: 'error', status: 503, code: 'SlowDown' },
  { kind: 'cut', what: 'request' },
  { kind: 'cut', what: 'answer' },
  { kind: 'flipped', what: 'request' },
  { kind: 'late', ms: 300 },
];

export interface ProxiedRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
}

/**
 * FAULT PROXY, for tests: stands between a client and a real S3 and does to requests what networks and services do.
 * Without a fault it changes nothing.
 */
export class S3FaultProxy {
  /** Every request that came, in order. */
  readonly asked: ProxiedRequest[] = [];
  /** Asked for each request. Default: no fault. */
  decide: (request: ProxiedRequest) => S3Fault | undefined = () => undefined;
  readonly #target: URL;
  readonly #sockets = new Set<Socket>();
  #server = createServer();
  #port = 0;

  private constructor(target: string) {
    this.#target = new URL(target);
  }

  static async start(
    t: { after(end: () => Promise<unknown>): unknown },
    { endpoint }: { readonly endpoint: string },
  ): Promise<S3FaultProxy> {
    const proxy = new S3FaultProxy(endpoint);
    await proxy.up();
    t.after(() => proxy.down());
    return proxy;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The next requests that `matches` meet these faults, one each. */
  next(faults: readonly S3Fault[], matches: (request: ProxiedRequest) => boolean = () => true): void {
    const left = [...faults];
    this.decide = (asked) => (matches(asked) ? left.shift() : undefined);
  }

  /** From now on requests meet a fault by chance. `random` gives numbers in [0, 1). */
  atRandom(share: number, random: () => number): void {
    this.decide = () => (random() < share ? chosen(random, ...passingFaults) : undefined);
  }

  /** Connections are refused from now on, and those there are broken. */
  async down(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** On the same port again. */
  async up(): Promise<void> {
    this.#server = createServer((asked, answer) => void this.#take(asked, answer)); // Failures end the connection.
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async #take(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const proxied = { method: asked.method ?? '', path: asked.url ?? '' };
    this.asked.push(proxied);
    const fault = this.decide(proxied);
    if (fault?.kind === 'silence') return;
    if (fault?.kind === 'error') {
      asked.resume();
      answer.writeHead(fault.status, { 'content-type': 'application/xml' });
      answer.end(`<?xml version="1.0"?><Error><Code>${fault.code}</Code><Message>injected</Message></Error>`);
      return;
    }
    if (fault?.kind === 'late') await sleep(fault.ms);
    this.#forward(asked, answer, fault);
  }

  #forward(asked: IncomingMessage, answer: ServerResponse, fault: S3Fault | undefined): void {
    const { hostname, port } = this.#target;
    const { method, url: path, headers } = asked;
    const breakOff = () => asked.socket.destroy();
    const onward = request({ hostname, port, method, path, headers }, (answered) => {
      const length = Number(answered.headers['content-length'] ?? 0);
      if (length === 0 && fault?.kind === 'cut' && fault.what === 'answer') {
        breakOff();
        return;
      }
      answer.writeHead(answered.statusCode ?? 500, answered.headers);
      changed(answered, fault, { what: 'answer', length, breakOff }).pipe(answer);
    });
    onward.on('error', breakOff);
    answer.once('close', () => onward.destroy());
    const length = Number(headers['content-length'] ?? 0);
    changed(asked, fault, { what: 'request', length, breakOff }).pipe(onward);
  }
}

interface Way {
  readonly what: 'request' | 'answer';
  readonly length: number;
  readonly breakOff: () => void;
}

function changed(body: IncomingMessage, fault: S3Fault | undefined, { what, length, breakOff }: Way) {
  if ((fault?.kind !== 'cut' && fault?.kind !== 'flipped') || fault.what !== what || length === 0) return body;
  const middle = Math.floor(length / 2);
  let position = 0;
  let isCut = false;
  const transform = (chunk: Buffer, _: string, done: TransformCallback) => {
    const at = middle - position;
    position += chunk.length;
    if (isCut) {
      done();
    } else if (at < 0 || at >= chunk.length) {
      done(null, chunk);
    } else if (fault.kind === 'flipped') {
      const flipped = Buffer.from(chunk);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      done(null, flipped);
    } else {
      isCut = true;
      done(null, chunk.subarray(0, at));
      setImmediate(breakOff);
    }
  };
  return body.pipe(new Transform({ transform }));
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { digestOf } from '../base/hash.ts';
import { parseStrictJson, StrictJsonError } from '../base/strict-json.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { roles } from '../contracts/fleet.ts';
import type { ErrorReply, Route } from '../contracts/route.ts';
import { type RouteName, routes } from '../contracts/routes.ts';
import type { TlsOptions } from './certificate-files.ts';
import { type Caller, type Handlers, type HostCaller, StreamedReply, TaggedReply, type UserCaller } from './handler.ts';
import { statusOf } from './http-status.ts';
import { outwardError } from './outward-error.ts';
import { parseFields } from './parse-fields.ts';
import { boundedBody, expectBody } from './request-body.ts';

/** What a request is let in by. */
export interface Credentials {
  /** The value of its `authorization` header. */
  readonly authorization: string | undefined;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** Of a body of JSON, `sha256:…`; of no body that of no bytes. */
  readonly bodyDigest: string;
}

export interface Asked {
  readonly authorization: string | undefined;
  readonly address: string;
}

export interface HttpOptions {
  readonly handlers: Handlers<RouteName>;
  /** Takes a request that is for no route, as it came; false for all others. */
  readonly divert: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** Who asks by the header alone, before the body is read; of an agent it is not proved yet. Raises `unauthenticated`. */
  readonly identify: (authorization: string | undefined) => Caller;
  /** Raises `unauthenticated` for credentials that are wrong. */
  readonly authenticate: (credentials: Credentials) => Caller;
  /** Told of a caller who may not do what was asked. */
  readonly onRefusal: (caller: Caller, route: RouteName, address: string) => void;
  /** The error to answer instead where a request that proved nothing is one too many. */
  readonly onUnauthenticated: (asked: Asked) => AppError | undefined;
  /** Told of who has proved who they are on a connection. */
  readonly onProved: (caller: UserCaller | HostCaller, connection: Socket) => void;
  /** A body of theirs may be this large; undefined: as large as its route takes. */
  readonly mostBodyBytes: (caller: Caller) => number | undefined;
  /** Told of failures of our own, of which whoever asked is told less. */
  readonly onFailure: (error: unknown, request: string) => void;
  readonly tls?: TlsOptions | undefined;
  /** Whether `x-forwarded-*` of a proxy is believed. */
  readonly trustProxy: boolean;
  /** Until what was changed so far survives a power cut; undefined where it does. Nobody is answered before. */
  readonly settled: () => Promise<void> | undefined;
  /** Aborted when the server closes. */
  readonly signal: AbortSignal;
}

const bodyLimit = 1024 * 1024;
const jsonLimits = { maxDepth: 64, maxStringBytes: 4 * 1024 * 1024, numbers: 'double' } as const;
/** Of a request with all of its body: a large context over a slow line. */
const requestTimeoutMs = 6 * 3_600_000;
/** Names in paths may be this long. */
const maxParamLength = 256;

/** Serves the routes of `contracts/routes.ts`. Nothing listens yet. */
export async function createHttp(options: HttpOptions): Promise<FastifyInstance> {
  const { fastify } = await import('fastify');
  const common = {
    // The entry that the proxy in front made: those before it are what its caller says.
    trustProxy: options.trustProxy && ((_address: string, hop: number) => hop === 0),
    bodyLimit,
    requestTimeout: requestTimeoutMs,
    forceCloseConnections: true,
    routerOptions: { maxParamLength },
    frameworkErrors: (error: unknown, request: unknown, reply: unknown) => {
      const [asked, answer] = [request as FastifyRequest, reply as FastifyReply]; // The same for both kinds of server.
      if (!isDiverted(asked, answer, options)) void sendError(answer, asAppError(error));
    },
  };
  // One type for both kinds of server: what differs below them is of no concern here.
  const http = (
    options.tls === undefined ? fastify(common) : fastify({ ...common, https: options.tls })
  ) as FastifyInstance;
  http.removeAllContentTypeParsers();
  http.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  http.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));
  http.setErrorHandler((error, request, reply) => {
    const failure = asAppError(error);
    if (statusOf(failure.code) >= 500) options.onFailure(error, `${request.method} ${request.routeOptions.url}`);
    return sendError(reply, orTooMany(outwardError(failure), request, options));
  });
  // Before a body is read: nobody waits for that of a request which nobody takes.
  http.addHook('onRequest', (request, reply, done) => {
    if (!isDiverted(request, reply, options)) done(request.is404 ? nothingAt(request) : undefined);
  });
  for (const name of Object.keys(routes) as RouteName[]) addRoute(http, name, options);
  return http;
}

function isDiverted(request: FastifyRequest, reply: FastifyReply, { divert }: HttpOptions): boolean {
  const isTaken = divert(request.raw, reply.raw);
  if (isTaken) reply.hijack();
  return isTaken;
}

function addRoute(http: FastifyInstance, name: RouteName, options: HttpOptions): void {
  const route: Route = routes[name];
  http.route({
    method: route.method,
    url: route.path,
    bodyLimit: route.maxBodyBytes ?? bodyLimit,
    onRequest: async (request) => {
      // Before the body is read: nobody makes us hold what they may not send.
      const caller = options.identify(request.headers.authorization);
      admit(caller, name, { request, options });
      expectBody(request, route, options.mostBodyBytes(caller));
    },
    handler: async (request, reply) => {
      const value = await answer(name, request, options);
      const settled = options.settled();
      if (settled !== undefined) await settled;
      return sendReply(reply, route, value);
    },
  });
}

async function answer(name: RouteName, request: FastifyRequest, options: HttpOptions): Promise<unknown> {
  const route: Route = routes[name];
  const isStream = route.body === 'bytes';
  const bytes = isStream || !(request.body instanceof Uint8Array) ? new Uint8Array() : request.body;
  const caller = options.authenticate({
    authorization: request.headers.authorization,
    method: request.method,
    path: request.url,
    bodyDigest: digestOf(bytes),
  });
  if (caller.kind !== 'nobody') options.onProved(caller, request.raw.socket);
  admit(caller, name, { request, options });
  const given = {
    params: route.params && parseFields(route.params, request.params, 'the path'),
    query: route.query && parseFields(route.query, request.query, 'the query'),
    body: isStream
      ? boundedBody(request.body as AsyncIterable<Uint8Array>, route.maxBodyBytes ?? bodyLimit) // By its parser above.
      : typeof route.body === 'object'
        ? parseFields(route.body, jsonOf(bytes), 'the body')
        : undefined,
  };
  const incoming = {
    caller,
    ...given,
    headers: request.headers,
    address: addressOf(request),
    isEncrypted: request.protocol === 'https',
    /** Made for those that wait: most do not. */
    get signal() {
      return AbortSignal.any([request.signal, options.signal]);
    },
  };
  // Parsed by the schemas of this very route.
  const handle = options.handlers[name] as (incoming: unknown) => unknown;
  return handle(incoming);
}

function admit(
  caller: Caller,
  name: RouteName,
  { request, options }: { readonly request: FastifyRequest; readonly options: HttpOptions },
): void {
  const route: Route = routes[name];
  if (isAllowed(caller, route.access)) return;
  options.onRefusal(caller, name, addressOf(request));
  throw refusal(caller, route);
}

/** What a proxy says is text like any other. */
export function addressOf({ ip, socket }: FastifyRequest): string {
  return isIP(ip) === 0 ? (socket.remoteAddress ?? 'unknown') : ip;
}

function isAllowed(caller: Caller, access: Route['access']): boolean {
  if (access === 'public') return true;
  if (access === 'agent') return caller.kind === 'host';
  return caller.kind === 'user' && roles.indexOf(caller.user.role) >= roles.indexOf(access);
}

function refusal(caller: Caller, { access, summary }: Route): AppError {
  const what = `Cannot do this ("${summary}")`;
  if (access === 'agent') return new AppError('unauthenticated', `${what}: only a registered host may`);
  if (caller.kind !== 'user') {
    return new AppError('unauthenticated', `${what}: nobody is signed in`, { next: 'Sign in: agora login <url>' });
  }
  const state = `${caller.user.name} is ${caller.user.role} with this token, it takes ${access}`;
  return new AppError('refused', `${what}: ${state}`, { next: 'Ask an admin: agora user role <name> <role>' });
}

function jsonOf(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined;
  try {
    return parseStrictJson(bytes, { ...jsonLimits, maxBytes: bytes.length });
  } catch (error) {
    if (!(error instanceof StrictJsonError)) throw error;
    const place = `line ${error.line}, column ${error.column}`;
    throw new AppError('invalid-input', `Cannot read the body: ${error.path || 'it'} ${error.message} (${place})`, {
      cause: error,
    });
  }
}

function sendReply(reply: FastifyReply, route: Route, value: unknown): FastifyReply {
  if (value instanceof StreamedReply) {
    if (value.sizeBytes !== undefined) reply.header('content-length', value.sizeBytes);
    return reply.type(value.contentType).send(Readable.from(value.body, { objectMode: false }));
  }
  if (value instanceof TaggedReply) {
    reply.header('etag', value.etag);
    return value.value === undefined ? reply.code(304).send() : reply.send(value.value);
  }
  return route.reply === 'nothing' ? reply.code(204).send() : reply.send(value);
}

function nothingAt({ method, url }: FastifyRequest): AppError {
  return new AppError('not-found', `Cannot ${method} "${url.slice(0, 200)}": there is nothing at this address`);
}

function orTooMany(error: AppError, request: FastifyRequest, { onUnauthenticated }: HttpOptions): AppError {
  if (error.code !== 'unauthenticated') return error;
  const { authorization } = request.headers;
  return onUnauthenticated({ authorization, address: addressOf(request) }) ?? error;
}

function sendError(reply: FastifyReply, { code, message, next, retryAfterSeconds }: AppError): FastifyReply {
  if (retryAfterSeconds !== undefined) reply.header('retry-after', retryAfterSeconds);
  const body: ErrorReply = { error: { code, message, ...(next !== undefined && { next }) } };
  return reply.code(statusOf(code)).send(body);
}

/** What fastify refuses before a handler sees it has a status of its own. */
function asAppError(error: unknown): AppError {
  if (isAppError(error)) return error;
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  if (status === 413)
    return new AppError('limit-exceeded', 'Cannot take the body: it is larger than this address allows');
  if (status === 415) return new AppError('invalid-input', 'Cannot take the body: it is not application/json');
  if (typeof status === 'number' && status < 500)
    return new AppError('invalid-input', 'Cannot read the request', { cause: error });
  return new AppError('internal', 'Cannot answer: the server failed', { cause: error, next: 'Its log says why.' });
}

import type * as z from 'zod';
import { withDeadline } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import type { Route } from '../contracts/route.ts';
import { type RouteName, routes } from '../contracts/routes.ts';
import { reasonOf, toldRefusal, unreachableServer } from './server-failure.ts';

type RouteOf<Name extends RouteName> = (typeof routes)[Name];
type Field<R, Key extends string> = R extends { readonly [K in Key]: infer Schema extends z.ZodType }
  ? { readonly [K in Key]: z.input<Schema> }
  : unknown;
type Body<R> = R extends { readonly body: 'bytes' } ? { readonly body: Bytes } : Field<R, 'body'>;
type Query<R> = R extends { readonly query: infer Schema extends z.ZodType }
  ? { readonly query?: { readonly [K in keyof z.output<Schema>]?: z.output<Schema>[K] } }
  : unknown;

export type Bytes = Uint8Array | AsyncIterable<Uint8Array>;
/** What a route wants to be told. */
export type RequestOf<Name extends RouteName> = Field<RouteOf<Name>, 'params'> &
  Query<RouteOf<Name>> &
  Body<RouteOf<Name>>;
/** What a route of JSON answers. */
export type ReplyOf<Name extends RouteName> = RouteOf<Name>['reply'] extends z.ZodType
  ? z.output<RouteOf<Name>['reply']>
  : undefined;

export interface OutgoingRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** Undefined where there is none, or it is streamed. */
  readonly body: string | undefined;
}

/** What is read of a reply. */
export interface Reply {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  json(): Promise<unknown>;
  readonly body: (AsyncIterable<Uint8Array> & { cancel(): Promise<void> }) | null;
}

/** What the global `fetch` is used for. It follows no redirect, and rejects with the signal's reason. */
export type Fetch = (
  url: string,
  request: {
    readonly method: string;
    readonly headers: Record<string, string>;
    readonly signal: AbortSignal;
    readonly redirect: 'error';
    readonly body?: string | Bytes;
    readonly duplex?: 'half';
  },
) => Promise<Reply>;

export interface ServerClientOptions {
  /** `http://host:port`, with or without a path before ours. */
  readonly url: string;
  /** The value of the `authorization` header. Default: none. */
  readonly authorize?: (request: OutgoingRequest) => string;
  /** Default: the global one. */
  readonly fetch?: Fetch | undefined;
  /** How long a call may take until its reply begins, in milliseconds. Default: 30000. */
  readonly timeoutMs?: number;
  /** Gives up each call, by its reason. Default: none. */
  readonly signal?: AbortSignal;
}

export interface SendOptions {
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: the client's. */
  readonly timeoutMs?: number;
}

const defaults = { timeoutMs: 30_000 };
/** Replies tell their time in whole seconds, and travel: clocks that are no further apart are taken as the same. */
const sameClockMs = 5_000;

/**
 * Asks a server for what `contracts/routes.ts` lists. Failures raised: what the server says, by its code; `unreachable` when it does
 * not answer, in time, or not as a server of ours.
 */
export class ServerClient {
  readonly url: string;
  readonly #options: ServerClientOptions;
  #aheadMs = 0;

  constructor(options: ServerClientOptions) {
    this.url = checkedUrl(options.url);
    this.#options = options;
  }

  /** What the server's clock shows, as far as it is known by its replies: ages of what it tells are from here. */
  now(): number {
    return Date.now() + this.#aheadMs;
  }

  /** A reply of JSON, parsed; undefined for one without content. */
  async call<Name extends RouteName>(
    name: Name,
    request: RequestOf<Name>,
    options?: SendOptions,
  ): Promise<ReplyOf<Name>> {
    const response = await this.send(name, request, options);
    const { reply }: Route = routes[name];
    if (typeof reply === 'string') {
      await response.body?.cancel();
      return undefined as ReplyOf<Name>; // Its type says so: no schema, no value.
    }
    const parsed = reply.safeParse(await response.json().catch(() => undefined));
    if (parsed.success) return parsed.data as ReplyOf<Name>; // By the schema of this very route.
    throw this.#unreachable(`it answered "${routes[name].path}" with what no server of this version would`);
  }

  /** The whole reply, of a route that streams or says 304. */
  async send<Name extends RouteName>(name: Name, request: RequestOf<Name>, options: SendOptions = {}): Promise<Reply> {
    const route: Route = routes[name];
    const { params, query, body } = request as Partial<Record<'params' | 'query' | 'body', unknown>>;
    const path = pathOf(route, params, query);
    const isStream = route.body === 'bytes';
    const text = isStream || body === undefined ? undefined : JSON.stringify(body);
    const authorization = this.#options.authorize?.({ method: route.method, path, body: text });
    const { timeoutMs = this.#options.timeoutMs ?? defaults.timeoutMs, headers } = options;
    const signal = eitherOf(this.#options.signal, options.signal);
    const init = {
      method: route.method,
      redirect: 'error' as const,
      signal: withDeadline(timeoutMs, signal),
      headers: {
        ...(authorization !== undefined && { authorization }),
        ...(text !== undefined && { 'content-type': 'application/json' }),
        ...(isStream && { 'content-type': 'application/octet-stream' }),
        ...headers,
      },
      ...(text !== undefined && { body: text }),
      // Node's fetch wants to be told that it may send before it has read an answer.
      ...(isStream && { body: body as Bytes, duplex: 'half' as const }),
    };
    const response = await this.#fetch(path, init, signal);
    this.#learnClock(response);
    if (response.ok || response.status === 304) return response;
    throw await this.#refusal(response);
  }

  async #fetch(path: string, init: Parameters<Fetch>[1], signal: AbortSignal | undefined): Promise<Reply> {
    try {
      return await (this.#options.fetch ?? fetch)(`${this.url}${path}`, init);
    } catch (error) {
      signal?.throwIfAborted();
      throw this.#unreachable(reasonOf(error), error);
    }
  }

  #learnClock({ headers }: Reply): void {
    const aheadMs = Date.parse(headers.get('date') ?? '') - Date.now();
    if (!Number.isNaN(aheadMs)) this.#aheadMs = Math.abs(aheadMs) < sameClockMs ? 0 : aheadMs;
  }

  async #refusal(response: Reply): Promise<AppError> {
    const body = await response.json().catch(() => undefined);
    return (
      toldRefusal(body) ?? this.#unreachable(`it answered with status ${response.status}, and not as a server of Agora`)
    );
  }

  #unreachable(state: string, cause?: unknown): AppError {
    return unreachableServer(this.url, state, cause);
  }
}

function eitherOf(one: AbortSignal | undefined, other: AbortSignal | undefined): AbortSignal | undefined {
  return one !== undefined && other !== undefined ? AbortSignal.any([one, other]) : (one ?? other);
}

function checkedUrl(text: string): string {
  const url = URL.parse(text);
  const isHttp = url !== null && (url.protocol === 'http:' || url.protocol === 'https:');
  if (!isHttp) {
    throw new AppError('invalid-input', `Cannot use the server address "${text}": not http://… or https://…`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new AppError(
      'invalid-input',
      `Cannot use the server address "${url.origin}": it comes with a user or password`,
      {
        next: 'Leave them out: a token lets one in.',
      },
    );
  }
  if (url.search === '' && url.hash === '') return url.href.replace(/\/+$/, '');
  throw new AppError(
    'invalid-input',
    `Cannot use the server address "${text}": it has more than a host, a port and a path`,
  );
}

function pathOf(route: Route, params: unknown, query: unknown): string {
  const given = (params ?? {}) as Readonly<Record<string, unknown>>; // As the route's own schema types it.
  const path = route.path.replace(/:([A-Za-z]+)/g, (_, name: string) => encodeURIComponent(String(given[name])));
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) search.set(name, String(value));
  return search.size === 0 ? path : `${path}?${search}`;
}

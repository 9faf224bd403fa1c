import type * as z from 'zod';
import type { User } from '../contracts/fleet.ts';
import type { HostId } from '../contracts/fleet-ids.ts';
import type { RouteName, routes } from '../contracts/routes.ts';

/** Who asks. */
export type Caller =
  | { readonly kind: 'user'; readonly user: User; readonly tokenId: string }
  | { readonly kind: 'host'; readonly hostId: HostId; readonly sessionId: string }
  | { readonly kind: 'nobody' };
export type UserCaller = Extract<Caller, { kind: 'user' }>;
export type HostCaller = Extract<Caller, { kind: 'host' }>;

type RouteOf<Name extends RouteName> = (typeof routes)[Name];
type Parsed<R, Key extends string> = R extends { readonly [K in Key]: infer Schema extends z.ZodType }
  ? z.output<Schema>
  : undefined;
type CallerOf<R> = R extends { readonly access: 'agent' }
  ? HostCaller
  : R extends { readonly access: 'public' }
    ? Caller
    : UserCaller;

/** A request that was let in and parsed. */
export interface Incoming<Name extends RouteName> {
  readonly caller: CallerOf<RouteOf<Name>>;
  readonly params: Parsed<RouteOf<Name>, 'params'>;
  readonly query: Parsed<RouteOf<Name>, 'query'>;
  readonly body: RouteOf<Name> extends { readonly body: 'bytes' }
    ? AsyncIterable<Uint8Array>
    : Parsed<RouteOf<Name>, 'body'>;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Where it came from: an address and no port. */
  readonly address: string;
  readonly isEncrypted: boolean;
  /** Aborted when the caller hangs up, or the server closes. */
  readonly signal: AbortSignal;
}

/** A reply that is not plain JSON with status 200. */
export class StreamedReply {
  readonly body: AsyncIterable<Uint8Array | string>;
  readonly contentType: string;
  /** Undefined where it is not known beforehand. */
  readonly sizeBytes: number | undefined;

  constructor(body: AsyncIterable<Uint8Array | string>, contentType: string, sizeBytes?: number) {
    this.body = body;
    this.contentType = contentType;
    this.sizeBytes = sizeBytes;
  }
}

/** A JSON reply with an ETag; without a body when the caller has it already (304). */
export class TaggedReply<T> {
  readonly etag: string;
  readonly value: T | undefined;

  constructor(etag: string, value: T | undefined) {
    this.etag = etag;
    this.value = value;
  }
}

type ReplyOf<R extends { readonly reply: unknown }> = R['reply'] extends z.ZodType
  ? z.input<R['reply']> | TaggedReply<z.input<R['reply']>>
  : R['reply'] extends 'nothing'
    ? undefined
    : StreamedReply;

export type Handler<Name extends RouteName> = (
  incoming: Incoming<Name>,
) => ReplyOf<RouteOf<Name>> | Promise<ReplyOf<RouteOf<Name>>>;

/** One for each of some routes. */
export type Handlers<Names extends RouteName> = { readonly [Name in Names]: Handler<Name> };

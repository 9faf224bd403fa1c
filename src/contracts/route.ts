import type * as z from 'zod';
import type { Role } from './fleet.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** One thing a server can be asked for. Its handlers, its client and the OpenAPI document are made from this. */
export interface Route {
  readonly method: Method;
  /** With `:name` for each field of `params`. */
  readonly path: `/${string}`;
  /** Who may: the least role of a user, an agent by its key, or everybody. */
  readonly access: Role | 'agent' | 'public';
  readonly summary: string;
  readonly params?: z.ZodObject;
  /** Its fields are parsed from text. */
  readonly query?: z.ZodObject;
  /** A schema for JSON, or `bytes` for a body that is streamed. */
  readonly body?: z.ZodType | 'bytes';
  /** A schema for JSON, `bytes` or `text` for what is streamed, `nothing` for 204. */
  readonly reply: z.ZodType | 'bytes' | 'text' | 'nothing';
  /** Default: 1 MiB. */
  readonly maxBodyBytes?: number;
}

export type Routes = Readonly<Record<string, Route>>;

/** Every refusal of a server, as JSON. `code` is one of contracts/errors.ts. */
export interface ErrorReply {
  readonly error: { readonly code: string; readonly message: string; readonly next?: string };
}

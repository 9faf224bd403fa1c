import { createHash, timingSafeEqual } from 'node:crypto';
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { addressOf } from './http.ts';
import type { OverLimit } from './request-limits.ts';

export interface PrometheusAccess {
  /** Lets a scraper in, besides the tokens of users. */
  readonly token?: string | undefined;
  /** Everybody may read it. Default: false. */
  readonly isOpen?: boolean;
}

export interface PrometheusRouteOptions extends PrometheusAccess {
  /** Whether a user's token is one. */
  readonly isUser: (authorization: string) => boolean;
  readonly text: () => AsyncIterable<string>;
  readonly overLimit: OverLimit;
}

const prometheusType = 'text/plain; version=0.0.4; charset=utf-8';

/** `/metrics`, for a scraper with `Authorization: Bearer <token>`. */
export function addPrometheusRoute(http: FastifyInstance, options: PrometheusRouteOptions): void {
  http.get('/metrics', async (request, reply) => {
    if (mayRead(request.headers.authorization, options))
      return reply.type(prometheusType).send(Readable.from(options.text(), { objectMode: false }));
    const over = options.overLimit('failures', addressOf(request));
    if (over !== undefined) throw over;
    const next = 'give "Authorization: Bearer" with the metrics token or that of a user';
    return reply
      .code(401)
      .header('www-authenticate', 'Bearer')
      .send(`Cannot give metrics: nobody is signed in; ${next}\n`);
  });
}

function mayRead(authorization: string | undefined, { isOpen, token, isUser }: PrometheusRouteOptions): boolean {
  if (isOpen === true) return true;
  if (authorization === undefined) return false;
  if (token !== undefined && isSame(authorization, `Bearer ${token}`)) return true;
  return isUser(authorization);
}

/** In a time that does not tell how much of it was right. */
function isSame(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

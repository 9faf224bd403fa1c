import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { ErrorReply } from '../contracts/route.ts';
import { statusOf } from './http-status.ts';
import { outwardError } from './outward-error.ts';

/** Answers a request to upgrade with why not, as any other request is answered. */
export function refuseUpgrade(connection: Duplex, cause: unknown): void {
  const failure = isAppError(cause) ? cause : new AppError('internal', 'Cannot answer: the server failed', { cause });
  const { code, message, next, retryAfterSeconds } = outwardError(failure);
  const status = statusOf(code);
  const reply: ErrorReply = { error: { code, message, ...(next !== undefined && { next }) } };
  const body = JSON.stringify(reply);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}`,
    'connection: close',
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    ...(retryAfterSeconds === undefined ? [] : [`retry-after: ${retryAfterSeconds}`]),
  ];
  // Whoever keeps their side open holds nothing of ours.
  connection.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => connection.destroy());
}

import type { ErrorCode } from '../contracts/errors.ts';

/** The HTTP status of every code a handler may raise; any other is our own failure, 500. */
const statuses: Partial<Record<ErrorCode, number>> = {
  usage: 400,
  'invalid-input': 400,
  'secret-missing': 400,
  unauthenticated: 401,
  refused: 403,
  'not-found': 404,
  'unknown-name': 404,
  'task-conflict': 409,
  'limit-exceeded': 413,
  'too-many-requests': 429,
  'not-ready': 503,
  'disk-full': 507,
};

export function statusOf(code: ErrorCode): number {
  return statuses[code] ?? 500;
}

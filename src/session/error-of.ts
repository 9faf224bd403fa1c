import { inertLine } from '../base/inert-line.ts';
import { AppError, type ErrorCode } from '../contracts/errors.ts';
import type { Close, CloseCode } from '../contracts/session-wire.ts';

const errorCodes: Partial<Record<CloseCode, ErrorCode>> = {
  refused: 'refused',
  'not-found': 'not-found',
  'host-away': 'unreachable',
  'server-stopping': 'unreachable',
  unreachable: 'unreachable',
  'session-lost': 'unreachable',
  'limit-exceeded': 'limit-exceeded',
  'timed-out': 'refused',
  cancelled: 'interrupted',
  protocol: 'internal',
};
const nextSteps: Partial<Record<CloseCode, string>> = {
  'host-away': 'See whether the host is there: agora host status <host>.',
  'server-stopping': 'Try again when the server is back.',
  'session-lost': 'Open it anew.',
  protocol: 'Use the same release of agora here, on the server and on the host.',
};

/** Why a session could not go on, for who called it. */
export function errorOf({ code, message, next = nextSteps[code] }: Close): AppError {
  const told = message.startsWith('Cannot ') ? message : `Cannot go on with the session: ${message}`;
  // Its words may come from a host.
  return new AppError(
    errorCodes[code] ?? 'internal',
    inertLine(told),
    next === undefined ? {} : { next: inertLine(next) },
  );
}

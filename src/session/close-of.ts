import { AppError, type ErrorCode } from '../contracts/errors.ts';
import type { Close, CloseCode } from '../contracts/session-wire.ts';

const codes: Partial<Record<ErrorCode, CloseCode>> = {
  'invalid-input': 'refused',
  usage: 'refused',
  refused: 'refused',
  unauthenticated: 'refused',
  'not-found': 'not-found',
  'unknown-name': 'not-found',
  'task-conflict': 'refused',
  unreachable: 'unreachable',
  'limit-exceeded': 'limit-exceeded',
  'too-many-requests': 'limit-exceeded',
};

/** A failure as the reason of a CLOSE. What is no AppError is a defect, and its words are not for viewers. */
export function closeOf(error: unknown): Close {
  if (!(error instanceof AppError)) return { code: 'internal', message: 'the agent failed; its log says how' };
  const { code, message, next } = error;
  const told = { code: codes[code] ?? 'internal', message: message.slice(0, 2_048) };
  return next === undefined ? told : { ...told, next: next.slice(0, 1_024) };
}

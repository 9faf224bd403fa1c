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
  interrupted: 'cancelled',
  'not-ready': 'unreachable',
};

const defect: Close = {
  code: 'internal',
  message: 'a defect ended it; the log of the agent, or of the server where it came from there, says which',
  next: 'Read it: agora host logs <host>, or --server-log.',
};

/** A failure as the reason of a CLOSE. What is no AppError is a defect, and its words are not for viewers. */
export function closeOf(error: unknown): Close {
  if (!(error instanceof AppError)) return defect;
  const { code, message, next } = error;
  const told = { code: codes[code] ?? 'internal', message: cutText(message, 2_048) };
  return next === undefined ? told : { ...told, next: cutText(next, 1_024) };
}

/** At most `most` characters, none of them half: strict readers take no half ones. */
export function cutText(text: string, most: number): string {
  return text.slice(0, most).toWellFormed();
}

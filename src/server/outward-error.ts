import { AppError, type ErrorCode, systemErrorCode } from '../contracts/errors.ts';
import { statusOf } from './http-status.ts';

const states: Partial<Record<ErrorCode, string>> = {
  'disk-full': 'the disk of the server is full',
  'not-ready': 'the database of the server is held by another process',
  'state-corrupt': 'the data of the server is damaged',
};

/**
 * What whoever asks over the network is told of a failure: what the system or SQLite said of a file names places of this machine, and is
 * for the log. What the server itself says, such as that it keeps no more build contexts, is told as it is.
 */
export function outwardError(error: AppError): AppError {
  if (statusOf(error.code) < 500 || systemErrorCode(error.cause) === undefined) return error;
  const state = states[error.code] ?? 'the server failed';
  return new AppError(error.code, `Cannot answer: ${state}`, { cause: error, next: 'Its log says why.' });
}

import { AppError, type ErrorCode } from '../contracts/errors.ts';

/** SQLite's primary result codes we tell apart: https://www.sqlite.org/rescode.html */
const sqliteCodes = { busy: 5, ioError: 10, corrupt: 11, full: 13, cannotOpen: 14, notADatabase: 26 } as const;

const next: Partial<Record<ErrorCode, string>> = {
  'disk-full': 'Free some space; the daemon goes on by itself',
  'state-corrupt':
    'Move the file aside (mv FILE FILE.bad) and start again; patches and outputs are safe in the storage folder, published bundles in the mailbox',
};

/** Says what a SQLite failure means to us. */
export function databaseError(error: unknown, file: string): unknown {
  const code = primaryCode(error);
  if (code === undefined) return error;
  const ours: ErrorCode =
    code === sqliteCodes.full
      ? 'disk-full'
      : code === sqliteCodes.corrupt || code === sqliteCodes.notADatabase
        ? 'state-corrupt'
        : code === sqliteCodes.cannotOpen || code === sqliteCodes.ioError
          ? 'unreachable'
          : 'internal';
  const hint = next[ours];
  const message = `Cannot use run state "${file}": ${error instanceof Error ? error.message : String(error)}`;
  return new AppError(ours, message, { cause: error, ...(hint === undefined ? {} : { next: hint }) });
}

export function isBusy(error: unknown): boolean {
  return primaryCode(error) === sqliteCodes.busy;
}

function primaryCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  return error.errcode & 0xff;
}

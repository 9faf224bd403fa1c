import { AppError, type ErrorCode, systemErrorCode } from '../contracts/errors.ts';

/** What a database file is, for messages. */
export interface SqliteFile {
  readonly file: string;
  /** What it holds: `server state`. */
  readonly subject: string;
  /** What to do about a failure, where more can be said than for every file. */
  readonly next?: Partial<Record<ErrorCode, string>>;
}

/** SQLite's primary result codes we tell apart: https://www.sqlite.org/rescode.html */
const busy = 5;
const full = 13;
const primaryBits = 0xff;
const codes: Readonly<Record<number, ErrorCode>> = {
  [busy]: 'not-ready',
  10: 'unreachable',
  11: 'state-corrupt',
  [full]: 'disk-full',
  14: 'unreachable',
  26: 'state-corrupt',
};

const defaultNext: Partial<Record<ErrorCode, string>> = {
  'disk-full': 'Free some space; it goes on by itself.',
  'not-ready': 'Another process holds it; try again.',
  'state-corrupt': 'Restore a backup, or move the file aside and start again.',
  'state-older': 'Use the Agora that wrote it.',
  'state-newer': 'Use the newer Agora that wrote it, or another folder.',
};

/** Of the extended codes: there was no room for the index of the log, which SQLite takes for a failure of the disk. */
const noRoomForIndex = 10 | (19 << 8);

/** Says what a failure of SQLite means to us; any other error stays as it is. */
export function sqliteError(error: unknown, about: SqliteFile): unknown {
  const extended = extendedCode(error);
  if (extended === undefined) return error;
  const primary = extended === noRoomForIndex ? full : extended & primaryBits;
  const said = error instanceof Error ? error.message : String(error);
  const state = primary === full ? 'its disk is full' : said;
  return fileError(about, { code: codes[primary] ?? 'internal', action: 'use', state, cause: error });
}

/** What was committed could not be put on disk. */
export function syncError(cause: unknown, about: SqliteFile): AppError {
  const code = systemErrorCode(cause) === 'ENOSPC' ? 'disk-full' : 'unreachable';
  return fileError(about, {
    code,
    action: 'use',
    state: cause instanceof Error ? cause.message : String(cause),
    cause,
  });
}

/** That a file was written by a later version, which knows more of it. */
export function newerFileError(about: SqliteFile, version: number, known: number): AppError {
  const state = `it has schema version ${version}, this Agora knows up to ${known}`;
  return fileError(about, { code: 'state-newer', action: 'open', state });
}

/** That a file was written by an earlier version, which may be using it. */
export function olderFileError(about: SqliteFile, version: number, known: number): AppError {
  const state = `it has schema version ${version}, this Agora wants ${known}`;
  return fileError(about, { code: 'state-older', action: 'open', state });
}

/** Whether another process holds the file. */
export function isBusy(error: unknown): boolean {
  return primaryCode(error) === busy;
}

/** Whether there is no space for what was to be written. */
export function isFull(error: unknown): boolean {
  return primaryCode(error) === full;
}

interface FileFailure {
  readonly code: ErrorCode;
  readonly action: 'use' | 'open';
  readonly state: string;
  readonly cause?: unknown;
}

function fileError({ file, subject, next }: SqliteFile, { code, action, state, cause }: FileFailure): AppError {
  const hint = next?.[code] ?? defaultNext[code];
  return new AppError(code, `Cannot ${action} ${subject} "${file}": ${state}`, {
    ...(cause !== undefined && { cause }),
    ...(hint !== undefined && { next: hint }),
  });
}

function primaryCode(error: unknown): number | undefined {
  const code = extendedCode(error);
  return code === undefined ? undefined : code & primaryBits;
}

function extendedCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : undefined;
}

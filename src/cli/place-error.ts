import { AppError, type ErrorCode, systemErrorCode } from '../contracts/errors.ts';

const states: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  EROFS: ['unreachable', 'its file system is read-only'],
  EACCES: ['unreachable', 'this user may not'],
  EPERM: ['unreachable', 'this user may not'],
  EEXIST: ['usage', 'there is such a file'],
  ENOTDIR: ['usage', 'a file is where a folder should be'],
  EISDIR: ['usage', 'it is a folder'],
  // Also what a read-only file system says where a folder is to be made.
  ENOENT: ['not-found', 'its folder is not there, or nothing can be made in it'],
  ENOSPC: ['disk-full', 'no space is left on its disk'],
  EDQUOT: ['disk-full', 'no space is left on its disk'],
};

/** Why a place cannot be used, in plain words; undefined for what is no fault of a place. */
export function placeError(action: string, cause: unknown, next: string): AppError | undefined {
  const [code, state] = states[systemErrorCode(cause) ?? ''] ?? [];
  return code === undefined ? undefined : new AppError(code, `${action}: ${state}`, { cause, next });
}

import { systemErrorCode } from '../contracts/errors.ts';

const missing: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ENOTDIR', 'EISDIR']);

/** Undefined where no such file is: nothing there, a folder in its place, or a file in place of a folder above it. */
export async function undefinedIfMissing<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (missing.has(systemErrorCode(error))) return undefined;
    throw error;
  }
}

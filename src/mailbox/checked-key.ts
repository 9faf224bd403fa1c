import { AppError } from '../contracts/errors.ts';

const segmentPattern = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,255}$/;

/** Whether a key may have this between two slashes. */
export function isSegment(name: string): boolean {
  return segmentPattern.test(name);
}

/** The key, or `invalid-input` for one that could leave the mailbox. */
export function checkedKey(key: string): string {
  if (key.split('/').every(isSegment)) return key;
  throw new AppError('invalid-input', `Cannot use mailbox key "${key}": its segments must be of A-Z a-z 0-9 . _ -`);
}

/** The prefix, or `invalid-input` for one that is no folder of the mailbox; the whole mailbox is `''`. */
export function checkedPrefix(prefix: string): string {
  const isFolder = prefix === '' || (prefix.endsWith('/') && prefix.slice(0, -1).split('/').every(isSegment));
  if (isFolder) return prefix;
  throw new AppError('invalid-input', `Cannot use mailbox prefix "${prefix}": it must be a folder and end in "/"`);
}

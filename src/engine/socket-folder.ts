import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A socket's path has 103 bytes at most where that is least, and ssh makes its own with 17 besides. */
const longestPlace = 60;

/** A private folder, whose sockets have paths that are short enough. */
export function socketFolder(): Promise<string> {
  const place = tmpdir();
  return mkdtemp(join(Buffer.byteLength(place) <= longestPlace ? place : '/tmp', 'agora-ssh-'));
}

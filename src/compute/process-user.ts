import { readFile } from 'node:fs/promises';
import { sha256Hex } from '../base/hash.ts';
import { AppError } from '../contracts/errors.ts';

/** User ids that nobody has, for one task each. */
export interface UserIds {
  readonly first: number;
  readonly count: number;
}

const highUserIds: UserIds = { first: 1_879_048_192, count: 200_000_000 };
const lowCount = 4_000;

export function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/** High ids where this user namespace has them, else the last it has. */
export async function taskUserIds(): Promise<UserIds> {
  const last = lastUserId(await readFile('/proc/self/uid_map', 'utf8'));
  if (last > highUserIds.first + highUserIds.count) return highUserIds;
  return { first: Math.max(1, last - lowCount), count: Math.min(lowCount, last) };
}

/** An id of its own for a task, the same each time unless it is `taken`; `no-compute` when all are. */
export function userIdFor(dispatchId: string, ids: UserIds, taken: ReadonlySet<number>): number {
  const start = Number.parseInt(sha256Hex(dispatchId).slice(0, 8), 16) % ids.count;
  // The first is the probe's.
  for (let step = 0; step < ids.count; step += 1) {
    const candidate = ids.first + 1 + ((start + step) % (ids.count - 1));
    if (!taken.has(candidate)) return candidate;
  }
  throw new AppError('no-compute', `Cannot start a task: all ${ids.count - 1} user ids for tasks are taken`);
}

let lastClaim: Promise<unknown> = Promise.resolve();

/** Runs one claim at a time: ids are the machine's, whichever provider of this process asks. */
export function claiming<T>(claim: () => Promise<T>): Promise<T> {
  const claimed = lastClaim.then(claim);
  lastClaim = claimed.catch(() => {});
  return claimed;
}

function lastUserId(map: string): number {
  const ends = map
    .trim()
    .split('\n')
    .map((line) => {
      const [first = 0, , count = 0] = line.trim().split(/\s+/).map(Number);
      return first + count - 1;
    });
  return Math.max(...ends);
}

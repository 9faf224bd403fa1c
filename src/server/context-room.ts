import { byteText } from '../base/byte-text.ts';
import { AppError } from '../contracts/errors.ts';
import { specLimits } from '../contracts/host-spec.ts';
import type { Digest } from '../contracts/ids.ts';

export interface ContextLimits {
  /** Of those that the spec of one host names. */
  readonly hostBytes: number;
  /** Of all that the server keeps. */
  readonly totalBytes: number;
}

export const defaultContextLimits: ContextLimits = { hostBytes: 8 * 1024 ** 3, totalBytes: 20 * 1024 ** 3 };

export interface KeptContext {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly usedAtMs: number;
  /** Whether a host's spec names it, or one may soon. */
  readonly isNeeded: boolean;
}

/** What there is before another one comes. */
export interface ContextPlace {
  readonly limits: ContextLimits;
  readonly kept: readonly KeptContext[];
  /** Of those that are being handed in. */
  readonly comingBytes: number;
  /** Of these, what is not written yet. */
  readonly unwrittenBytes: number;
  /** Undefined where it cannot be told. */
  readonly disk: { readonly freeBytes: number; readonly totalBytes: number } | undefined;
}

/** Stays free for the database: at most this, and of a small disk this share. */
const spareBytes = 1024 ** 3;
const spareShare = 0.05;

/** Which ones have to go, the oldest first, before so much may come; raises `limit-exceeded` or `disk-full` where that is not enough. */
export function roomFor(sizeBytes: number, place: ContextPlace): KeptContext[] {
  const { limits, kept, comingBytes, unwrittenBytes, disk } = place;
  if (sizeBytes > specLimits.contextBytes) throw tooLarge(sizeBytes, specLimits.contextBytes);
  const spare = Math.min(spareBytes, spareShare * (disk?.totalBytes ?? 0));
  const overBytes = sumOf(kept) + comingBytes + sizeBytes - limits.totalBytes;
  const lackingBytes = disk === undefined ? 0 : unwrittenBytes + sizeBytes + spare - disk.freeBytes;
  const removed: KeptContext[] = [];
  const removable = kept.filter(({ isNeeded }) => !isNeeded).sort((a, b) => a.usedAtMs - b.usedAtMs);
  for (const context of removable) {
    if (sumOf(removed) >= Math.max(overBytes, lackingBytes)) break;
    removed.push(context);
  }
  const freedBytes = sumOf(removed);
  if (freedBytes < overBytes) {
    const keptBytes = sumOf(kept) + comingBytes - freedBytes;
    const state = `the server keeps ${byteText(keptBytes)} that are needed, and may keep ${byteText(limits.totalBytes)}`;
    throw noRoom(sizeBytes, state);
  }
  if (freedBytes < lackingBytes) throw noSpace(sizeBytes, { freeBytes: disk?.freeBytes ?? 0, spare });
  return removed;
}

/** Raises `limit-exceeded` where a host's spec names more than one may. */
export function refuseHostBytes(sizeBytes: number, { hostBytes }: ContextLimits): void {
  if (sizeBytes <= hostBytes) return;
  const state = `they have ${byteText(sizeBytes)}, and those of one host may have ${byteText(hostBytes)}`;
  throw new AppError('limit-exceeded', `Cannot take the build contexts of the spec: ${state}`, {
    next: 'Name what they do not need in .dockerignore; an admin may start the server with --host-context-space.',
  });
}

function tooLarge(sizeBytes: number, mostBytes: number): AppError {
  return new AppError(
    'limit-exceeded',
    `Cannot take a build context of ${byteText(sizeBytes)}: it may have ${byteText(mostBytes)}`,
    { next: 'Name what it does not need in .dockerignore.' },
  );
}

function noRoom(sizeBytes: number, state: string): AppError {
  return new AppError('limit-exceeded', `Cannot take a build context of ${byteText(sizeBytes)}: ${state}`, {
    next: 'Take images out of specs; an admin may start the server with more --context-space.',
  });
}

function noSpace(sizeBytes: number, { freeBytes, spare }: { readonly freeBytes: number; readonly spare: number }) {
  const state = `the disk has ${byteText(freeBytes)} left, and ${byteText(spare)} of it stay free`;
  return new AppError('disk-full', `Cannot take a build context of ${byteText(sizeBytes)}: ${state}`, {
    next: "Free space on the disk that holds the server's data.",
  });
}

function sumOf(contexts: readonly KeptContext[]): number {
  return contexts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

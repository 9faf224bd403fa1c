import { closeSync, constants, ftruncateSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { diskFullError } from '../base/atomic-file.ts';
import { type PackedFile, packFiles } from '../base/file-pack.ts';
import { sealLines } from '../base/sealed-lines.ts';
import { reportBytes } from '../contracts/hand-over.ts';
import { outNames } from '../contracts/names.ts';
import type { TaskResult } from '../contracts/task.ts';
import { walkTree } from './tree-walk.ts';

/** For a result of any failure, with what a file system needs besides. */
const roomBytes = 64 * 1024;
const roomName = 'room';

/** Takes room for the result: others may fill the disk up to its last byte. Raises `disk-full`. */
export function keepRoom(out: string): void {
  const path = join(out, roomName);
  try {
    writeFileSync(path, noise(roomBytes), { mode: 0o600 });
  } catch (error) {
    throw diskFullError(path, error) ?? error;
  }
}

/** A file system may keep what repeats without taking any room. Cryptography would take longer to load than a task to start. */
function noise(sizeBytes: number): Uint8Array {
  return new Uint8Array(Float64Array.from({ length: sizeBytes / Float64Array.BYTES_PER_ELEMENT }, Math.random).buffer);
}

/**
 * Leaves the result as the last file of `out`: where it is, everything else is whole. The daemon checks its shape. It is written
 * over the room that was kept for it, as room that is given back others may take first.
 */
export function writeResult(out: string, result: TaskResult): void {
  const path = join(out, outNames.result);
  const room = join(out, roomName);
  const bytes = Buffer.from(`${JSON.stringify(result)}\n`);
  try {
    const file = openSync(room, constants.O_WRONLY | constants.O_CREAT, 0o600);
    try {
      writeFileSync(file, bytes);
      ftruncateSync(file, bytes.length);
    } finally {
      closeSync(file);
    }
    renameSync(room, path);
  } catch (error) {
    throw diskFullError(path, error) ?? error;
  }
}

/**
 * What was left in `out` as lines for the log, where it is few bytes: an engine takes longer to hand out an archive than to
 * run a small task. Undefined when it has to be fetched.
 */
export async function sealedReport(out: string, key: Uint8Array): Promise<string | undefined> {
  const files = await smallFiles(out);
  if (files === undefined) return undefined;
  const pack = packFiles(files);
  // On a line of its own, wherever the last output ended.
  return pack.length > reportBytes ? undefined : `\n${sealLines(pack, key).join('\n')}\n`;
}

async function smallFiles(out: string): Promise<PackedFile[] | undefined> {
  const found: string[] = [];
  let totalBytes = 0;
  await walkTree(out, {
    visit: ({ path, stats }) => {
      if (!stats.isFile()) return true;
      found.push(
        Buffer.concat(path().flatMap((part, index) => (index === 0 ? [part] : [slash, part]))).toString('utf8'),
      );
      totalBytes += Number(stats.size);
      return totalBytes <= reportBytes;
    },
  });
  if (totalBytes > reportBytes) return undefined;
  return found.sort().map((path) => ({ path, bytes: readFileSync(join(out, path)) }));
}

const slash = Buffer.from('/');

import { createReadStream } from 'node:fs';
import { link, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pipeline } from 'node:stream/promises';
import type { Pack } from 'tar-stream';
import { syncFolder, temporaryPath } from '../base/atomic-file.ts';
import { undefinedIfMissing } from '../base/missing-file.ts';
import { streamTar } from '../base/tar-writer.ts';
import { AppError, systemErrorCode } from '../contracts/errors.ts';
import { placeError } from './place-error.ts';
import { serverFiles } from './server-folder.ts';

export const backupFormat = 'agora.server-backup.v1';
export const backupHead = 'backup.json';

export interface BackupOptions {
  /** Of the server. */
  readonly folder: string;
  readonly file: string;
  readonly version: string;
}

/** One tar of all that a server needs to be the same again; there whole or not at all. */
export async function writeBackup({ folder, file, version }: BackupOptions) {
  await stat(join(folder, serverFiles.database)).catch((cause: unknown) => {
    throw noServer(folder, cause);
  });
  const temporary = temporaryPath(file);
  // Where there is to be room for it anyway: the disk of a server may be full when somebody backs it up.
  const copies = `${temporary}-copies`;
  try {
    await mkdir(copies, { mode: 0o700 });
    const database = join(copies, serverFiles.database);
    copyDatabase(join(folder, serverFiles.database), database);
    let files = 0;
    const tar = streamTar(async (pack) => {
      const head = { format: backupFormat, version, createdAt: new Date().toISOString() };
      addText(pack, backupHead, `${JSON.stringify(head)}\n`);
      for (const name of serverFiles.keys) addText(pack, name, await readKey(folder, name));
      // After the database: whatever it names was there when it was copied.
      for (const name of await contextNames(folder)) {
        files += Number(
          await addFile(pack, `${serverFiles.contexts}/${name}`, join(folder, serverFiles.contexts, name)),
        );
      }
      files += 1 + serverFiles.keys.length;
      await addFile(pack, serverFiles.database, database);
    });
    const sizeBytes = await writeWhole(temporary, tar);
    await link(temporary, file); // Never replaces another one.
    await syncFolder(dirname(file));
    return { files, sizeBytes };
  } catch (cause) {
    throw placeError(`Cannot write backup "${file}"`, cause, 'Name another place for it.') ?? cause;
  } finally {
    await Promise.all([rm(temporary, { force: true }), rm(copies, { recursive: true, force: true })]);
  }
}

function copyDatabase(from: string, to: string): void {
  try {
    // Not as a server opens it: a database of another version is kept as it is.
    const database = new DatabaseSync(from, { timeout: 5_000, readOnly: true });
    try {
      database.prepare('VACUUM INTO ?').run(to);
    } finally {
      database.close();
    }
  } catch (cause) {
    const state = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('unreachable', `Cannot copy the database "${from}": ${state}`, {
      cause,
      next: 'There must be space beside the backup for twice its size, and a little on the disk of the server.',
    });
  }
}

function noServer(folder: string, cause: unknown): AppError {
  const state = systemErrorCode(cause) === 'ENOENT' ? 'no server has its data there' : 'it cannot be read';
  return new AppError('not-found', `Cannot back up "${folder}": ${state}`, {
    next: 'Name the folder of the server with --data-directory.',
  });
}

async function readKey(folder: string, name: string): Promise<string> {
  try {
    return await readFile(join(folder, name), 'utf8');
  } catch (cause) {
    throw new AppError('not-found', `Cannot back up "${folder}": it has no readable "${name}"`, { cause });
  }
}

async function contextNames(folder: string): Promise<string[]> {
  const names = (await undefinedIfMissing(readdir(join(folder, serverFiles.contexts)))) ?? [];
  return names.filter((name) => /^[0-9a-f]{64}\.tar$/.test(name)).sort();
}

function addText(pack: Pack, name: string, text: string): void {
  pack.entry({ name, mode: 0o600 }, text);
}

/** False where it went meanwhile: nothing names it any more. */
async function addFile(pack: Pack, name: string, path: string): Promise<boolean> {
  const found = await undefinedIfMissing(stat(path));
  if (found === undefined) return false;
  await pipeline(createReadStream(path), pack.entry({ name, size: found.size, mode: 0o600 }));
  return true;
}

async function writeWhole(path: string, content: AsyncIterable<Uint8Array>): Promise<number> {
  await using file = await open(path, 'wx', 0o600);
  let sizeBytes = 0;
  for await (const chunk of content) {
    await file.appendFile(chunk); // All of it: `write` may take less when the disk is full.
    sizeBytes += chunk.length;
  }
  await file.sync();
  return sizeBytes;
}

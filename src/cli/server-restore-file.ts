import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { extract } from 'tar-stream';
import * as z from 'zod';
import { syncFolder } from '../base/atomic-file.ts';
import { undefinedIfMissing } from '../base/missing-file.ts';
import { AppError, isAppError, systemErrorCode } from '../contracts/errors.ts';
import { placeError } from './place-error.ts';
import { backupFormat, backupHead } from './server-backup-file.ts';
import { makeWritable, serverFiles } from './server-folder.ts';

const headSchema = z.object({
  format: z.literal(backupFormat),
  version: z.string().max(64),
  createdAt: z.iso.datetime(),
});
const unfinished = '.restore';
const files: readonly string[] = [backupHead, ...serverFiles.keys, serverFiles.database];
const contextPattern = /^contexts\/[0-9a-f]{64}\.tar$/;

/** All of a backup or nothing: what is read is checked before it is put in place. */
export async function restoreBackup(file: string, folder: string): Promise<z.infer<typeof headSchema>> {
  await refuseUsed(folder);
  await makeWritable(folder);
  // Within the folder: it may be a disk of its own, onto which nothing can be renamed.
  const staging = join(folder, unfinished);
  await rm(staging, { recursive: true, force: true });
  try {
    await mkdir(join(staging, serverFiles.contexts), { recursive: true, mode: 0o700 });
    await unpack(file, staging);
    const head = await checkedHead(file, staging);
    checkDatabase(file, join(staging, serverFiles.database));
    // A server starts from a database: it comes last.
    for (const name of [serverFiles.contexts, ...serverFiles.keys, serverFiles.database]) {
      await rename(join(staging, name), join(folder, name));
    }
    await syncFolder(folder);
    return head;
  } catch (cause) {
    throw placeError(`Cannot restore into "${folder}"`, cause, 'Name another folder with --data-directory.') ?? cause;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function refuseUsed(folder: string): Promise<void> {
  const names = (await undefinedIfMissing(readdir(folder))) ?? [];
  const used = names.filter((name) => name !== unfinished && name !== 'lost+found');
  if (used.length === 0) return;
  throw new AppError('refused', `Cannot restore into "${folder}": it holds ${used.slice(0, 3).join(', ')}`, {
    next: 'Stop its server and move the folder aside, or name another with --data-directory.',
  });
}

async function unpack(file: string, staging: string): Promise<void> {
  const tar = extract();
  const source = createReadStream(file);
  source.on('error', (error) => tar.destroy(error));
  source.pipe(tar);
  try {
    for await (const entry of tar) {
      const { name, type } = entry.header;
      if (type !== 'file' || !(files.includes(name) || contextPattern.test(name)))
        throw noBackup(file, `it holds "${name}"`);
      await using target = await open(join(staging, name), 'wx', 0o600);
      for await (const chunk of entry as AsyncIterable<Uint8Array>) await target.appendFile(chunk);
      await target.sync();
    }
  } catch (cause) {
    if (isAppError(cause)) throw cause;
    if (systemErrorCode(cause) === 'ENOENT') throw noBackup(file, 'there is no such file', cause);
    if (isAboutWriting(cause)) throw cause;
    throw noBackup(file, cause instanceof Error ? cause.message : String(cause), cause);
  } finally {
    source.destroy();
  }
}

/** Of the folder, not of the backup. */
function isAboutWriting(cause: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EROFS'].includes(systemErrorCode(cause) ?? '');
}

async function checkedHead(file: string, staging: string) {
  const missing: string[] = [];
  for (const name of files) {
    if ((await undefinedIfMissing(stat(join(staging, name)))) === undefined) missing.push(name);
  }
  if (missing.length > 0) throw noBackup(file, `it lacks ${missing.join(', ')}`);
  const text = await readFile(join(staging, backupHead), 'utf8');
  try {
    return headSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw noBackup(file, `its ${backupHead} is of another kind or version`, cause);
  }
}

function checkDatabase(file: string, path: string): void {
  try {
    const database = new DatabaseSync(path);
    try {
      const state = database.prepare('PRAGMA integrity_check').get()?.['integrity_check'];
      if (state !== 'ok') throw noBackup(file, `its database is damaged: ${String(state).slice(0, 200)}`);
    } finally {
      database.close();
    }
  } catch (cause) {
    if (isAppError(cause)) throw cause;
    throw noBackup(file, 'its database is none', cause);
  }
}

function noBackup(file: string, state: string, cause?: unknown): AppError {
  return new AppError('not-intact', `Cannot restore "${file}": ${state}`, {
    cause,
    next: 'Name a file that agora server backup wrote; nothing was changed.',
  });
}

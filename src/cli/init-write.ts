import { lstat, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { diskFullError, temporaryPath } from '../base/atomic-file.ts';
import { AppError, systemErrorCode } from '../contracts/errors.ts';
import { configFileNames } from '../contracts/names.ts';
import { starterNames } from './init-files.ts';

/** Refuses when one of the files is there with other content, unless it may be replaced. */
export async function refuseTaken(
  folder: string,
  files: ReadonlyMap<string, string>,
  isForced: boolean,
): Promise<void> {
  for (const name of configFileNames) {
    // Another config would be found before ours, or hide it.
    if (name === starterNames.config || (await kindOf(join(folder, name))) === 'nothing') continue;
    throw taken(folder, `${name} is there already`, `edit ${name}, or remove it and run agora init again`);
  }
  for (const [name, text] of files) {
    const path = join(folder, name);
    const kind = await kindOf(path);
    if (kind === 'folder') throw taken(folder, `${name} is a folder there`, `rename ${name} and run agora init again`);
    if (isForced || kind === 'nothing' || (await holds(path, text))) continue;
    throw taken(folder, `${name} is there already`, 'agora init --force replaces it');
  }
}

export interface WrittenFile {
  readonly name: string;
  /** False when it was there with the same content. */
  readonly isNew: boolean;
}

/** Writes every file or none: all lie beside their place, whole, before the first one takes it. */
export async function writeAllOrNone(folder: string, files: ReadonlyMap<string, string>): Promise<WrittenFile[]> {
  const staged: { readonly temporary: string; readonly path: string }[] = [];
  const written: WrittenFile[] = [];
  try {
    for (const [name, text] of files) {
      const path = join(folder, name);
      const isNew = !(await holds(path, text));
      written.push({ name, isNew });
      if (!isNew) continue;
      const temporary = temporaryPath(path);
      staged.push({ temporary, path });
      await writeFile(temporary, text, { flag: 'wx' });
    }
    for (const { temporary, path } of staged) await rename(temporary, path);
    return written;
  } catch (cause) {
    for (const { temporary } of staged) await rm(temporary, { force: true }).catch(() => undefined);
    throw diskFullError(folder, cause) ?? notWritable(folder, cause);
  }
}

function notWritable(folder: string, cause: unknown): unknown {
  const states: Readonly<Record<string, string>> = {
    EACCES: 'it may not be written to',
    EPERM: 'it may not be written to',
    EROFS: 'its file system is read-only',
  };
  const state = states[systemErrorCode(cause) ?? ''];
  if (state === undefined) return cause;
  return new AppError('refused', `Cannot init "${folder}": ${state}; nothing was changed`, { cause });
}

async function kindOf(path: string): Promise<'nothing' | 'folder' | 'file'> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return 'nothing';
  return found.isDirectory() ? 'folder' : 'file';
}

async function holds(path: string, text: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isFile() !== true) return false;
  return readFile(path, 'utf8').then(
    (content) => content === text,
    () => false,
  );
}

function taken(folder: string, state: string, next: string): AppError {
  return new AppError('invalid-input', `Cannot init "${folder}": ${state}; nothing was changed`, {
    next,
  });
}

import { chmod, mkdir, rename, rm, rmdir, symlink, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { temporaryPath, writeFileAtomically } from '../base/atomic-file.ts';
import { systemErrorCode } from '../contracts/errors.ts';
import type { TreeFile, WorktreeRepository } from './repository.ts';

export interface FileChange {
  readonly path: string;
  /** What is wanted there; undefined removes it. */
  readonly file: TreeFile | undefined;
  /** Of the file that is there now. */
  readonly permissions: number | undefined;
}

/** Removes and replaces files one by one, each whole. After a crash, doing it again finishes the rest. */
export async function writeChanges(
  repository: WorktreeRepository,
  directory: string,
  changes: readonly FileChange[],
): Promise<void> {
  for (const { path, file } of changes) if (file === undefined) await removeFile(directory, path);
  for (const { path, file, permissions } of changes) {
    if (file === undefined) continue;
    const target = join(directory, path);
    const content = await repository.readBlob(file.blob);
    await clearFolder(target);
    await mkdir(dirname(target), { recursive: true });
    if (file.mode === '120000') await replaceLink(target, content);
    else await replaceFile(target, content, { isExecutable: file.mode === '100755', permissions });
  }
}

async function removeFile(directory: string, path: string): Promise<void> {
  await unlink(join(directory, path)).catch((error: unknown) => {
    if (!['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) throw error;
  });
  // Like git, which knows no empty folders; one that still holds something stays, and so do those above it.
  for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
    const isRemoved = await rmdir(join(directory, folder)).then(
      () => true,
      () => false,
    );
    if (!isRemoved) return;
  }
}

// Only empty folders are left where a file is wanted: everything else was found to be in the way before.
async function clearFolder(path: string): Promise<void> {
  await rmdir(path).catch((error: unknown) => {
    if (!['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) throw error;
  });
}

async function replaceLink(path: string, target: Buffer): Promise<void> {
  const temporary = temporaryPath(path);
  try {
    await symlink(target, temporary);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

interface FileMode {
  readonly isExecutable: boolean;
  readonly permissions: number | undefined;
}

async function replaceFile(path: string, content: Buffer, { isExecutable, permissions }: FileMode): Promise<void> {
  await writeFileAtomically(path, content, { mode: isExecutable ? 0o777 : 0o666 });
  if (permissions === undefined) return;
  const execute = (permissions & 0o444) >> 2;
  await chmod(path, isExecutable ? permissions | execute : permissions & ~0o111);
}

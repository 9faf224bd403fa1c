import { createWriteStream } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { diskFullError } from '../base/atomic-file.ts';
import { AppError } from '../contracts/errors.ts';
import type { Task, TaskInput } from '../contracts/task.ts';
import type { Storage } from '../storage/storage.ts';

const taskFileName = 'task.json';

/** Writes a task's `/agora/in` as a folder that everybody who can reach it may read and nobody may write. */
export async function writeTaskFiles(task: Task, folder: string, storage: Storage): Promise<void> {
  for (const { path } of task.inputs) checkInputPath(path);
  await makeFolder(folder, 0o755);
  for (const path of parentFolders(task.inputs)) await makeFolder(join(folder, path), 0o755);
  const taskFile = join(folder, taskFileName);
  await writeFile(taskFile, JSON.stringify(task.spec));
  await chmod(taskFile, 0o444);
  for (const input of task.inputs) await writeInput(input, folder, storage);
}

/** Makes one folder with exactly this mode, whatever the process's mask takes away. */
export async function makeFolder(path: string, mode: number): Promise<void> {
  await mkdir(path);
  await chmod(path, mode);
}

async function writeInput({ path, digest, sizeBytes }: TaskInput, folder: string, storage: Storage): Promise<void> {
  const file = join(folder, path);
  const target = createWriteStream(file, { flags: 'wx' });
  try {
    await pipeline(storage.getBlob(digest), target);
  } catch (cause) {
    throw diskFullError(file, cause) ?? cause;
  }
  if (target.bytesWritten !== sizeBytes) {
    const found = `expected ${sizeBytes} bytes of "${digest}", found ${target.bytesWritten}`;
    throw new AppError('artifact-mismatch', `Cannot hand in "${path}": ${found}`);
  }
  await chmod(file, 0o444);
}

/** Folders above the inputs, outer ones first. */
function parentFolders(inputs: readonly TaskInput[]): string[] {
  const found = new Set<string>();
  for (const { path } of inputs) {
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) found.add(folder);
  }
  return [...found].sort();
}

function checkInputPath(path: string): void {
  const isSafe = path !== taskFileName && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  if (!isSafe) throw new AppError('invalid-input', `Cannot hand in "${path}": not a plain relative path`);
}

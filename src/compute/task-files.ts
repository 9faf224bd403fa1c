import { createWriteStream } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { diskFullError } from '../base/atomic-file.ts';
import type { Task, TaskInput } from '../contracts/task.ts';
import { checkInputPaths, contentOf, parentFolders, taskFileName } from './task-inputs.ts';

/** Writes a task's `/agora/in` as a folder that everybody who can reach it may read and nobody may write. */
export async function writeTaskFiles(task: Task, folder: string, signal: AbortSignal): Promise<void> {
  checkInputPaths(task);
  await makeFolder(folder, 0o755);
  for (const path of parentFolders(task.inputs)) await makeFolder(join(folder, path), 0o755);
  const taskFile = join(folder, taskFileName);
  await writeFile(taskFile, JSON.stringify(task.spec));
  await chmod(taskFile, 0o444);
  for (const input of task.inputs) await writeInput(input, folder, signal);
}

/** Makes one folder with exactly this mode, whatever the process's mask takes away. */
export async function makeFolder(path: string, mode: number): Promise<void> {
  await mkdir(path);
  await chmod(path, mode);
}

async function writeInput(input: TaskInput, folder: string, signal: AbortSignal): Promise<void> {
  const file = join(folder, input.path);
  try {
    await pipeline(contentOf(input), createWriteStream(file, { flags: 'wx' }), { signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw diskFullError(file, cause) ?? cause;
  }
  await chmod(file, 0o444);
}

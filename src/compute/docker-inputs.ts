import { pipeline } from 'node:stream/promises';
import { streamTar } from '../base/tar-writer.ts';
import type { Task } from '../contracts/task.ts';
import type { ByteStream } from '../engine/engine.ts';
import { contentOf, parentFolders, taskFileName } from './task-inputs.ts';

const epoch = new Date(0);

/** Tar of `/agora/in`: for everyone to read, for root alone to write. Inputs are streamed. */
export function inputTar(task: Task): ByteStream {
  return streamTar(async (tar) => {
    for (const name of parentFolders(task.inputs)) tar.entry({ name, type: 'directory', mode: 0o755, mtime: epoch });
    tar.entry({ name: taskFileName, mode: 0o444, mtime: epoch }, JSON.stringify(task.spec));
    for (const input of task.inputs) {
      const entry = tar.entry({ name: input.path, mode: 0o444, size: input.sizeBytes, mtime: epoch });
      await pipeline(contentOf(input), entry);
    }
  });
}

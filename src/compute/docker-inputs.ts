import { pipeline } from 'node:stream/promises';
import type { Pack } from 'tar-stream';
import { AppError } from '../contracts/errors.ts';
import type { Task, TaskInput } from '../contracts/task.ts';
import type { ByteStream } from '../engine/engine.ts';
import type { Storage } from '../storage/storage.ts';
import { streamTar } from './tar-writer.ts';

const epoch = new Date(0);

/** Tar of `/agora/in`: for everyone to read, for root alone to write. Blobs stream from storage, which hashes them. */
export function inputTar(task: Task, storage: Storage): ByteStream {
  for (const { path } of task.inputs) checkInputPath(path);
  return streamTar(async (tar) => {
    for (const name of parentFolders(task.inputs)) tar.entry({ name, type: 'directory', mode: 0o755, mtime: epoch });
    tar.entry({ name: 'task.json', mode: 0o444, mtime: epoch }, JSON.stringify(task.spec));
    for (const input of task.inputs) await writeInput(tar, input, storage);
  });
}

/** The one JSON object the worker reads from stdin; empty when there is no secret. */
export function secretBytes({ spec, secrets }: Task): Uint8Array {
  const bytes = Object.keys(secrets).length === 0 ? new Uint8Array() : Buffer.from(JSON.stringify(secrets));
  if (bytes.length !== spec.secretBytes) {
    const expected = `its spec announces ${spec.secretBytes} bytes of secrets, there are ${bytes.length}`;
    throw new AppError('invalid-input', `Cannot start task "${spec.dispatchId}": ${expected}`);
  }
  return bytes;
}

async function writeInput(tar: Pack, { path, digest, sizeBytes }: TaskInput, storage: Storage): Promise<void> {
  const stored = await storage.statBlob(digest);
  if (stored === undefined) throw new AppError('not-found', `Cannot hand in "${path}": blob "${digest}" is not stored`);
  if (stored.sizeBytes !== sizeBytes) {
    const found = `expected ${sizeBytes} bytes of "${digest}", found ${stored.sizeBytes}`;
    throw new AppError('artifact-mismatch', `Cannot hand in "${path}": ${found}`);
  }
  const entry = tar.entry({ name: path, mode: 0o444, size: sizeBytes, mtime: epoch });
  await pipeline(storage.getBlob(digest), entry);
}

/** Folders above the inputs, outer ones first. */
function parentFolders(inputs: readonly TaskInput[]): string[] {
  const found = new Set<string>();
  for (const { path } of inputs) {
    const segments = path.split('/').slice(0, -1);
    segments.forEach((_, index) => void found.add(segments.slice(0, index + 1).join('/')));
  }
  return [...found].sort();
}

function checkInputPath(path: string): void {
  const isSafe = path !== 'task.json' && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  if (!isSafe) throw new AppError('invalid-input', `Cannot hand in "${path}": not a plain relative path`);
}

import { dirname } from 'node:path';
import { isPlainPath } from '../base/file-pack.ts';
import { AppError } from '../contracts/errors.ts';
import { isProcessText } from '../contracts/nul-character.ts';
import type { Task, TaskInput } from '../contracts/task.ts';

export const taskFileName = 'task.json';

/** Refuses inputs that would not stay in `/agora/in`, or would take the task file's place. */
export function checkInputPaths({ inputs }: Task): void {
  for (const { path } of inputs) {
    if (isPlainPath(path) && path !== taskFileName) continue;
    throw new AppError('invalid-input', `Cannot hand in "${path}": not a plain relative path`);
  }
}

/** Folders above the inputs, outer ones first. */
export function parentFolders(inputs: readonly TaskInput[]): string[] {
  const found = new Set<string>();
  for (const { path } of inputs) {
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) found.add(folder);
  }
  return [...found].sort();
}

/** The bytes of an input, of exactly the size it announced; `artifact-mismatch` at the end otherwise. */
export async function* contentOf({ path, digest, sizeBytes, content }: TaskInput): AsyncGenerator<Uint8Array> {
  let read = 0;
  for await (const chunk of content()) {
    read += chunk.length;
    if (read > sizeBytes) break;
    yield chunk;
  }
  if (read === sizeBytes) return;
  const found = `expected ${sizeBytes} bytes of "${digest}", found ${read > sizeBytes ? 'more' : read}`;
  throw new AppError('artifact-mismatch', `Cannot hand in "${path}": ${found}`);
}

/**
 * The one JSON object the worker reads from stdin; empty when there is no secret. Refuses what no process can be given:
 * a NUL in it would end one argument of the sandbox and begin another.
 */
export function secretBytes({ spec, secrets }: Task): Uint8Array {
  const command = spec.agent.runtime === 'command' ? spec.agent.command : [];
  const texts = [...command, ...Object.entries(spec.env).flat(), ...Object.entries(secrets).flat()];
  if (!texts.every(isProcessText)) {
    const state = 'its command, environment or secrets hold a NUL character';
    throw new AppError('invalid-input', `Cannot start task "${spec.dispatchId}": ${state}`);
  }
  const bytes = Object.keys(secrets).length === 0 ? new Uint8Array() : Buffer.from(JSON.stringify(secrets));
  if (bytes.length !== spec.secretBytes) {
    const expected = `its spec announces ${spec.secretBytes} bytes of secrets, there are ${bytes.length}`;
    throw new AppError('invalid-input', `Cannot start task "${spec.dispatchId}": ${expected}`);
  }
  return bytes;
}

import { randomBytes } from 'node:crypto';
import { type PackedFile, packFiles } from '../base/file-pack.ts';
import { AppError } from '../contracts/errors.ts';
import type { HandOver } from '../contracts/hand-over.ts';
import { workerPaths } from '../contracts/names.ts';
import type { Task } from '../contracts/task.ts';
import { type Engine, stdinBytes } from '../engine/engine.ts';
import { inputTar } from './docker-inputs.ts';
import { checkInputPaths, contentOf, secretBytes, taskFileName } from './task-inputs.ts';

/** What a container's supervisor reads from stdin. */
export interface StdinOfTask {
  readonly bytes: Uint8Array;
  /** False when the inputs are too many bytes and have to be put into the container. */
  readonly hasInputs: boolean;
  /** Proves which report is the supervisor's. */
  readonly reportKey: Uint8Array;
}

const keyBytes = 32;

/** Few inputs go with the secrets: an engine takes longer to unpack an archive than to start a small task. */
export async function stdinOf(task: Task): Promise<StdinOfTask> {
  checkInputPaths(task);
  const secrets = checkedSecrets(task);
  const pack = await packOf(task, stdinBytes - secrets.length);
  const reportKey = randomBytes(keyBytes);
  const handOver: HandOver = {
    packBytes: pack?.length ?? 0,
    secretBytes: secrets.length,
    reportKey: reportKey.toString('base64url'),
  };
  const bytes = Buffer.concat([Buffer.from(`${JSON.stringify(handOver)}\n`), pack ?? Buffer.alloc(0), secrets]);
  return { bytes, hasInputs: pack !== undefined, reportKey };
}

/** Gives a container that is not started yet all that its supervisor reads. */
export async function handOver(
  engine: Engine,
  id: string,
  { task, stdin, signal }: { readonly task: Task; readonly stdin: StdinOfTask; readonly signal: AbortSignal },
): Promise<void> {
  await Promise.all([
    stdin.hasInputs ? undefined : engine.putArchive(id, workerPaths.in, inputTar(task), signal),
    engine.writeStdin(id, stdin.bytes, signal),
  ]);
}

async function packOf(task: Task, mostBytes: number): Promise<Uint8Array | undefined> {
  const spec = Buffer.from(JSON.stringify(task.spec));
  const totalBytes = task.inputs.reduce((sum, { sizeBytes }) => sum + sizeBytes, spec.length);
  if (totalBytes > mostBytes) return undefined;
  const files: PackedFile[] = [{ path: taskFileName, bytes: spec }];
  for (const input of task.inputs) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of contentOf(input)) chunks.push(chunk);
    files.push({ path: input.path, bytes: Buffer.concat(chunks) });
  }
  const pack = packFiles(files);
  return pack.length > mostBytes ? undefined : pack;
}

function checkedSecrets(task: Task): Uint8Array {
  const secrets = secretBytes(task);
  if (secrets.length <= stdinBytes) return secrets;
  const state = `its secrets take ${secrets.length} bytes, at most ${stdinBytes} can be handed to a container`;
  throw new AppError('limit-exceeded', `Cannot start task "${task.spec.dispatchId}": ${state}`, {
    next: 'Hand large files in as inputs, and keep only keys and tokens as secrets.',
  });
}

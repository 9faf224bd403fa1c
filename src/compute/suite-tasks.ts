import { randomBytes } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';
import { digestOf } from '../base/hash.ts';
import { streamTar } from '../base/tar-writer.ts';
import {
  type DeploymentId,
  type DispatchId,
  deploymentIdSchema,
  digestSchema,
  dispatchIdSchema,
} from '../contracts/ids.ts';
import { outNames } from '../contracts/names.ts';
import { defaultBlocks } from '../contracts/pipeline.ts';
import {
  nothingElseHandedIn,
  type Task,
  type TaskInput,
  type TaskLimits,
  type TaskResult,
  taskResultSchema,
} from '../contracts/task.ts';
import type { Storage } from '../storage/storage.ts';
import type { Compute, TaskExit, TaskHandle } from './compute.ts';

export interface TaskWish {
  readonly command: readonly string[];
  readonly deploymentId: DeploymentId;
  readonly limits?: Partial<TaskLimits>;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly inputs?: readonly TaskInput[];
  readonly inputKeys?: readonly string[];
  readonly hasWorktree?: boolean;
}

const smallLimits: TaskLimits = {
  cpus: 1,
  memoryMb: 256,
  pids: 64,
  diskMb: 64,
  outputBytes: 8 * 1024 * 1024,
  timeoutSeconds: 60,
};

export function aDeploymentId(): DeploymentId {
  return deploymentIdSchema.parse(randomBytes(16).toString('hex'));
}

export function aDispatchId(): DispatchId {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
  return dispatchIdSchema.parse(`d-${[...randomBytes(26)].map((byte) => alphabet[byte % 32]).join('')}`);
}

/** A task with small limits, as a dispatch would hand it over. */
export function aTask(wish: TaskWish): Task {
  const { command, deploymentId, limits = {}, secrets = {}, inputs = [], inputKeys = [], hasWorktree = false } = wish;
  const hasSecrets = Object.keys(secrets).length > 0;
  return {
    spec: {
      dispatchId: aDispatchId(),
      agent: { runtime: 'command', command: [...command] },
      blocks: defaultBlocks(),
      env: {},
      limits: { ...smallLimits, ...limits },
      network: 'none',
      hasWorktree,
      ...nothingElseHandedIn,
      inputKeys: [...inputKeys],
      secretBytes: hasSecrets ? Buffer.byteLength(JSON.stringify(secrets)) : 0,
    },
    owner: { deploymentId },
    inputs,
    secrets,
  };
}

export async function anInput(storage: Storage, path: string, content: Uint8Array | string): Promise<TaskInput> {
  const bytes = Buffer.from(content);
  await storage.putBlob(bytes);
  const digest = digestSchema.parse(digestOf(bytes));
  return { path, digest, sizeBytes: bytes.length, content: () => storage.getBlob(digest) };
}

/** A stored tar of these files, as a worktree to start from. */
export async function aWorktree(storage: Storage, files: Readonly<Record<string, string>>): Promise<TaskInput> {
  const chunks: Uint8Array[] = [];
  const tar = streamTar(async (pack) => {
    for (const [name, text] of Object.entries(files)) pack.entry({ name, mode: 0o644 }, text);
  });
  for await (const chunk of tar) chunks.push(chunk);
  return anInput(storage, 'worktree.tar', Buffer.concat(chunks));
}

export interface EndedTask {
  readonly handle: TaskHandle;
  readonly exit: TaskExit;
  readonly result: TaskResult;
  /** Text of the files left in `/agora/out`, by path. */
  readonly files: ReadonlyMap<string, string>;
}

/** From start to removal; a task without a result is an error. */
export async function runTask(compute: Compute, task: Task): Promise<EndedTask> {
  const { log, ...ended } = await endedTask(compute, task);
  if (!ended.files.has(outNames.result)) throw new Error(`No result, ${JSON.stringify(ended.exit)}: ${log}`);
  return { ...ended, result: resultOf(ended.files) };
}

/** From start to removal, with or without a result. */
export async function endedTask(
  compute: Compute,
  task: Task,
): Promise<Omit<EndedTask, 'result'> & { readonly log: string }> {
  const signal = AbortSignal.timeout(120_000);
  const handle = await compute.start(task, signal);
  try {
    const exit = await compute.wait(handle, signal);
    return { handle, exit, files: await collectFiles(compute, handle), log: await logOf(compute, handle) };
  } finally {
    await compute.remove(handle);
  }
}

export async function collectFiles(compute: Compute, handle: TaskHandle): Promise<Map<string, string>> {
  const entries = extract();
  const files = new Map<string, string>();
  const filled = pipeline(compute.collect(handle, 512 * 1024 * 1024), entries as unknown as NodeJS.WritableStream);
  filled.catch(() => undefined); // Awaited below; the loop sees the same error first.
  for await (const entry of entries) {
    const text = await textOf(entry as AsyncIterable<Uint8Array>);
    if (entry.header.type === 'file') files.set(entry.header.name.replace(/^\.\//, ''), text);
  }
  await filled;
  return files;
}

async function logOf(compute: Compute, handle: TaskHandle): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const { bytes } of compute.logs(handle)) chunks.push(bytes);
  return Buffer.concat(chunks).toString('utf8').slice(-2_000);
}

export function resultOf(files: ReadonlyMap<string, string>): TaskResult {
  return taskResultSchema.parse(JSON.parse(files.get(outNames.result) ?? 'null'));
}

async function textOf(entry: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of entry) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

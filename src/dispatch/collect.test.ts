import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { pack } from 'tar-stream';
import type { Compute, TaskHandle } from '../compute/compute.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { Digest } from '../contracts/ids.ts';
import type { Storage } from '../storage/storage.ts';
import { collect, mostLeftBytes } from './collect.ts';

const handle = {} as TaskHandle;
const megabyte = 1024 * 1024;

async function tarOf(files: Readonly<Record<string, Uint8Array>>): Promise<Buffer> {
  const packed = pack();
  for (const [name, content] of Object.entries(files)) packed.entry({ name }, Buffer.from(content));
  packed.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of packed as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A provider whose tar comes in pieces, and breaks off with an error if there is one. */
function leaving(tar: Uint8Array, error?: Error): Compute {
  async function* pieces() {
    for (let at = 0; at < tar.length; at += 65_536) yield tar.subarray(at, at + 65_536);
    if (error !== undefined) throw error;
  }
  return { collect: pieces } as unknown as Compute;
}

/** Storage that counts what it is given, and is full after so many bytes. */
function storageOf(roomBytes: number): Storage {
  const putBlob = async (content: Uint8Array | AsyncIterable<Uint8Array>) => {
    let sizeBytes = 0;
    try {
      for await (const chunk of content instanceof Uint8Array ? [content] : content) {
        sizeBytes += chunk.length;
        if (sizeBytes > roomBytes) throw new AppError('disk-full', 'Cannot write: no space left');
      }
    } finally {
      await pause(20); // As long as tidying up may take.
    }
    return { digest: 'sha256:0' as Digest, sizeBytes };
  };
  return { putBlob } as unknown as Storage;
}

const files = { 'outputs/big': new Uint8Array(3 * megabyte), 'outputs/small': Buffer.from('x') };

test('every output is stored whole, in its order', { timeout: 10_000 }, async () => {
  const compute = leaving(await tarOf(files));

  const { outputs } = await collect({ compute, storage: storageOf(Infinity) }, handle, 10 * megabyte);

  assert.deepEqual(
    outputs.map(({ path, sizeBytes }) => [path, sizeBytes]),
    [
      ['big', 3 * megabyte],
      ['small', 1],
    ],
  );
});

test('a disk that is full in the middle of an output is told at once', { timeout: 10_000 }, async () => {
  const compute = leaving(await tarOf(files));

  await assert.rejects(collect({ compute, storage: storageOf(megabyte) }, handle, 10 * megabyte), (error) =>
    isAppError(error, 'disk-full'),
  );
});

test('a connection that breaks in the middle of an output is told as what it is', { timeout: 10_000 }, async () => {
  const whole = await tarOf(files);
  const compute = leaving(whole.subarray(0, megabyte), new AppError('unreachable', 'The engine went away'));

  await assert.rejects(collect({ compute, storage: storageOf(Infinity) }, handle, 10 * megabyte), (error) =>
    isAppError(error, 'unreachable'),
  );
});

test('a transcript, a patch and outputs that are each as large as they may be are all collected', () => {
  const limits = { cpus: 1, memoryMb: 64, pids: 8, diskMb: 512, outputBytes: 256 * megabyte, timeoutSeconds: 1 };

  assert.ok(mostLeftBytes(limits) >= (256 + 256 + 512) * megabyte);
});

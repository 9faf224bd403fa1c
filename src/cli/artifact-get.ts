import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { OrchContext } from '../config/orch-context.ts';
import { AppError, exitCodes } from '../contracts/errors.ts';
import { artifactRefSchema, type Digest, digestOfRef, digestSchema } from '../contracts/ids.ts';
import { defineCommand } from './command.ts';
import { findItem } from './find-item.ts';
import { requireRun } from './find-run.ts';
import { notTaken } from './not-taken.ts';
import { configOption, openOrch } from './open-orch.ts';
import { readRunState } from './run-state.ts';

export const artifactGet = defineCommand(
  {
    operands: ['<ref>'],
    options: {
      out: {
        type: 'string',
        value: '<file>',
        summary: 'Write to this file, which appears only once the hash is right',
      },
      config: configOption,
    },
    details: ["<ref> is agora://…/sha256:…, sha256:<hex>, or <run>/<item> for an item's patch."],
    examples: ['agora artifact get fanout-1/edit-alpha', 'agora artifact get sha256:9f86… --out patch.diff'],
  },
  async ({ operands, options }, context) => {
    const [ref = ''] = operands;
    const { orch } = await openOrch(options.config, context);
    const digest = await digestOf(orch, ref);
    const bytes = orch.storage.getBlob(digest);
    if (options.out === undefined) {
      for await (const chunk of bytes) await context.stdout.write(chunk);
    } else {
      await writeWhole(resolve(context.cwd, options.out), bytes);
    }
    return exitCodes.ok;
  },
);

async function digestOf(orch: OrchContext, word: string): Promise<Digest> {
  const ref = artifactRefSchema.safeParse(word);
  if (ref.success) return digestOfRef(ref.data);
  const digest = digestSchema.safeParse(word);
  if (digest.success) return digest.data;
  const [runWord = '', itemWord, ...rest] = word.split('/');
  if (itemWord === undefined || rest.length > 0) {
    const forms = 'agora://<namespace>/artifact/<dispatchId>/sha256:<hex>, sha256:<hex> or <run>/<item>';
    throw new AppError('usage', `Cannot read artifact ref "${word}": it is none of ${forms}`);
  }
  const runId = await requireRun(orch.transport, runWord);
  const state = await readRunState(orch.transport, runId);
  if (state === undefined) throw await notTaken(orch.transport, runId, `Cannot get the patch of "${word}"`);
  const { resultRef, status } = findItem(state, itemWord);
  if (resultRef !== undefined) return digestOfRef(resultRef);
  throw new AppError('not-found', `Cannot get the patch of "${word}": the item is ${status} and has none`, {
    next: `agora orch status ${runId}`,
  });
}

async function writeWhole(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const partial = `${path}.${process.pid}.partial`;
  try {
    await pipeline(bytes, createWriteStream(partial, { flags: 'wx' }));
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

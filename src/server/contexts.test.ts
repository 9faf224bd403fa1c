import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { digestOf } from '../base/hash.ts';
import { isAppError } from '../contracts/errors.ts';
import { digestSchema } from '../contracts/ids.ts';
import { hasContext, pruneContexts, putContext } from './contexts.ts';
import { startServer } from './suite-server.ts';

const dayMs = 86_400_000;
const digestFor = (text: string) => digestSchema.parse(digestOf(text));

async function aFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-contexts-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

async function* pieces(...texts: string[]) {
  for (const text of texts) yield Buffer.from(text);
}

/** As if nobody had asked for anything for two days. */
async function age(folder: string): Promise<void> {
  const at = new Date(Date.now() - 2 * dayMs);
  for (const name of await readdir(folder)) await utimes(join(folder, name), at, at);
}

test('a context that is not what its digest says, or does not come to its end, leaves nothing', async (t) => {
  const folder = await aFolder(t);
  const broken = async function* () {
    yield Buffer.from('a');
    throw new Error('cut');
  };

  await assert.rejects(putContext({ folder }, digestFor('ab'), pieces('a')), (error) =>
    isAppError(error, 'invalid-input'),
  );
  await assert.rejects(putContext({ folder }, digestFor('ab'), broken()), /cut/);
  assert.deepEqual(await readdir(folder), []);
});

test('what no revision names goes after a day, but not while somebody asks for it', async (t) => {
  const folder = await aFolder(t);
  for (const text of ['named', 'asked', 'forgotten']) await putContext({ folder }, digestFor(text), pieces(text));
  await writeFile(join(folder, 'half.tmp'), 'left by a server that was killed');
  await age(folder);
  await putContext({ folder }, digestFor('new'), pieces('new'));

  assert.equal(await hasContext({ folder }, digestFor('asked')), true);
  await pruneContexts({ folder }, new Set([digestFor('named')]), Date.now());

  const kept = ['named', 'asked', 'new'].map((text) => `${digestFor(text).slice(7)}.tar`);
  assert.deepEqual((await readdir(folder)).sort(), kept.sort());
});

test('a server that starts removes what nobody needs', async (t) => {
  const first = await startServer(t);
  const folder = join(first.folder, 'contexts');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'half.tmp'), 'x');
  await age(folder);

  await first.restart();

  await waitUntil('it to be gone', async () => (await readdir(folder)).length === 0, { timeoutMs: 3_000 });
});

test('a full disk is said to be one, and no context is cut short by it', async (t) => {
  if (process.geteuid?.() !== 0) return t.skip('only root can make a small disk');
  const folder = await aFolder(t);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]);
  try {
    const content = 'x'.repeat(200_000);
    const put = putContext({ folder }, digestFor(content), pieces(content));

    await assert.rejects(put, (error) => isAppError(error, 'disk-full'));
    assert.deepEqual(await readdir(folder), []);
  } finally {
    execFileSync('umount', [folder]); // Before the folder itself is removed.
  }
});

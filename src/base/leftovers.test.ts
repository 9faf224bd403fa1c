import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { leftoverAgeMs, removeLeftovers } from './leftovers.ts';

const folder = await mkdtemp(join(tmpdir(), 'agora-leftovers-'));
after(() => rm(folder, { recursive: true, force: true }));

test('what has such a name and is older than a day is removed, folders too', async () => {
  const now = Date.now();
  await mkdir(join(folder, 'old-folder/in'), { recursive: true });
  for (const name of ['old-file', 'old-other.txt', 'new-file']) await writeFile(join(folder, name), 'x');
  const past = new Date(now - leftoverAgeMs - 1000);
  for (const name of ['old-folder', 'old-file', 'old-other.txt']) await utimes(join(folder, name), past, past);

  await removeLeftovers(folder, (name) => !name.endsWith('.txt'), now);

  assert.deepEqual((await readdir(folder)).sort(), ['new-file', 'old-other.txt']);
});

test('a folder that is not there holds no leftovers', async () => {
  await removeLeftovers(join(folder, 'nowhere'));
});

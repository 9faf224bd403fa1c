import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { digestOf } from '../base/hash.ts';
import { isAppError } from '../contracts/errors.ts';
import { contextTar } from './build-context.ts';
import { contextEntries } from './context-entries.ts';

async function aFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-context-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'src', 'deep'), { recursive: true });
  await writeFile(join(folder, 'Dockerfile'), 'FROM scratch\n');
  await writeFile(join(folder, 'src', 'main.sh'), 'echo\n');
  await chmod(join(folder, 'src', 'main.sh'), 0o700);
  await writeFile(join(folder, 'src', 'deep', 'empty'), '');
  await symlink('main.sh', join(folder, 'src', 'link'));
  return folder;
}

async function namesIn(tar: Buffer): Promise<string[]> {
  const listing = promisify(execFile)('tar', ['-tf', '-'], { encoding: 'utf8' });
  listing.child.stdin?.end(tar);
  return (await listing).stdout.trim().split('\n');
}

async function unpacked(tar: Buffer, path: string): Promise<Buffer> {
  const reading = promisify(execFile)('tar', ['-xOf', '-', path], { encoding: 'buffer' });
  reading.child.stdin?.end(tar);
  return (await reading).stdout;
}

const packed = async (folder: string) =>
  buffer(contextTar(folder, await contextEntries({ folder, dockerfile: 'Dockerfile' })));

test('the same content is the same tar, whoever has it and whenever it was written', async (t) => {
  const [one, other] = [await aFolder(t), await aFolder(t)];
  await utimes(join(other, 'Dockerfile'), 1, 1);
  await chmod(join(other, 'Dockerfile'), 0o600);

  assert.equal(digestOf(await packed(one)), digestOf(await packed(other)));

  await chmod(join(other, 'src', 'main.sh'), 0o600);
  assert.notEqual(digestOf(await packed(one)), digestOf(await packed(other)));
});

test('files of every size are whole in it', async (t) => {
  const folder = await aFolder(t);
  const large = randomBytes(700_000);
  await writeFile(join(folder, 'large'), large);

  const tar = await packed(folder);

  assert.deepEqual(await unpacked(tar, 'large'), large);
  assert.deepEqual(String(await unpacked(tar, 'src/main.sh')), 'echo\n');
});

test('a file that changes while it is read is named, and so is one that is gone', async (t) => {
  const folder = await aFolder(t);
  await writeFile(join(folder, 'large'), randomBytes(700_000));
  for (const path of ['large', 'src/main.sh']) {
    const entries = await contextEntries({ folder, dockerfile: 'Dockerfile' });
    await writeFile(join(folder, path), 'x');

    const isNamed = (error: unknown) => isAppError(error, 'not-ready') && error.message.includes(`"${path}"`);
    await assert.rejects(buffer(contextTar(folder, entries)), isNamed);
    await rm(join(folder, path));
    await assert.rejects(buffer(contextTar(folder, entries)), isNamed);
  }
});

test('what .dockerignore names stays out, but for exceptions and what a build cannot do without', async (t) => {
  const folder = await aFolder(t);
  await writeFile(join(folder, '.dockerignore'), '*\n!src/deep\n');

  assert.deepEqual(await namesIn(await packed(folder)), ['.dockerignore', 'Dockerfile', 'src/deep', 'src/deep/empty']);
});

test('all of a folder goes along where nothing is ignored', async (t) => {
  const names = await namesIn(await packed(await aFolder(t)));

  assert.deepEqual(names, ['Dockerfile', 'src', 'src/deep', 'src/deep/empty', 'src/link', 'src/main.sh']);
});

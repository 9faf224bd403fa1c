import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { digestOf } from '../base/hash.ts';
import { contextProblem, contextTar } from './build-context.ts';

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

const packed = async (folder: string) => buffer(contextTar({ folder, dockerfile: 'Dockerfile' }));

test('the same content is the same tar, whoever has it and whenever it was written', async (t) => {
  const [one, other] = [await aFolder(t), await aFolder(t)];
  await utimes(join(other, 'Dockerfile'), 1, 1);
  await chmod(join(other, 'Dockerfile'), 0o600);

  assert.equal(digestOf(await packed(one)), digestOf(await packed(other)));

  await chmod(join(other, 'src', 'main.sh'), 0o600);
  assert.notEqual(digestOf(await packed(one)), digestOf(await packed(other)));
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

test('what cannot be a context says why', async (t) => {
  const folder = await aFolder(t);

  assert.equal(await contextProblem({ folder, dockerfile: 'Dockerfile' }), undefined);
  assert.equal(
    await contextProblem({ folder, dockerfile: 'other/Dockerfile' }),
    'there is no "other/Dockerfile" in it',
  );
  assert.equal(await contextProblem({ folder: join(folder, 'Dockerfile'), dockerfile: 'x' }), 'it is no folder');
  assert.equal(await contextProblem({ folder: join(folder, 'no'), dockerfile: 'x' }), 'there is no such folder');
});

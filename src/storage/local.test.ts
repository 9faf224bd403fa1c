import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { LocalStorage } from './local.ts';
import { storageSuite } from './storage.suite.ts';

const folder = await mkdtemp(join(tmpdir(), 'agora-storage-'));
after(() => rm(folder, { recursive: true, force: true }));

storageSuite('local storage', () => new LocalStorage({ root: join(folder, 'shared') }));

test('a storage that was only constructed or read makes no folder', async () => {
  const root = join(folder, 'untouched');

  await new LocalStorage({ root }).listNames('default', 'env');

  assert.equal(existsSync(root), false);
});

test('blobs and names lie where the reference says, for their owner only', async () => {
  const root = join(folder, 'layout');
  const storage = new LocalStorage({ root });

  const { digest } = await storage.putBlob(Buffer.from('hello'));
  await storage.putName({ namespace: 'team', type: 'subagent', name: 'edit' }, '{}');

  const hex = digest.slice('sha256:'.length);
  const files = [`blobs/sha256/${hex.slice(0, 2)}/${hex}`, 'names/team/subagent/edit.json'];
  for (const file of files) assert.equal((await stat(join(root, file))).mode & 0o777, 0o600);
  for (const path of ['', 'blobs', 'names/team']) assert.equal((await stat(join(root, path))).mode & 0o777, 0o700);
  assert.deepEqual(await readdir(join(root, 'tmp')), []);
});

test('a damaged blob gives an error before its last chunk, and a put repairs it', async () => {
  const storage = new LocalStorage({ root: join(folder, 'damaged') });
  const content = Buffer.alloc(600_000, 'x');
  const { digest } = await storage.putBlob(content);
  const hex = digest.slice('sha256:'.length);
  const path = join(storage.root, 'blobs', 'sha256', hex.slice(0, 2), hex);
  await chmod(path, 0o600);
  await truncate(path, 500_000);

  let sizeBytes = 0;
  const reading = async () => {
    for await (const chunk of storage.getBlob(digest)) sizeBytes += chunk.length;
  };
  await assert.rejects(reading(), (error) => isAppError(error, 'artifact-mismatch'));
  assert.ok(sizeBytes < 500_000);

  await storage.putBlob(content);
  assert.equal((await buffer(storage.getBlob(digest))).equals(content), true);
});

test('what a killed process left unfinished is removed by a later one after a day', async () => {
  const storage = new LocalStorage({ root: join(folder, 'killed') });
  const unfinished = join(storage.root, 'tmp');
  await storage.putBlob(Buffer.from('x'));
  for (const name of ['.old.tmp', '.new.tmp']) await writeFile(join(unfinished, name), 'x');
  const twoDaysAgo = Date.now() / 1000 - 2 * 86_400;
  await utimes(join(unfinished, '.old.tmp'), twoDaysAgo, twoDaysAgo);

  await new LocalStorage({ root: storage.root }).putBlob(Buffer.from('y'));

  assert.deepEqual(await readdir(unfinished), ['.new.tmp']);
});

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { leftToNpmTest } from '../../test/support/quick-tests.ts';
import { FolderWatch } from './folder-watch.ts';
import { LocalDirMailbox } from './local-dir.ts';
import { mailboxSuite } from './mailbox.suite.ts';

const folder = await mkdtemp(join(tmpdir(), 'agora-mailbox-'));
after(() => rm(folder, { recursive: true, force: true }));

mailboxSuite('local mailbox', (name) => new LocalDirMailbox(join(folder, name)));

test('a mailbox that was only constructed, read or watched makes no folder', async () => {
  const mailbox = new LocalDirMailbox(join(folder, 'untouched', 'deep'));
  const controller = new AbortController();

  for await (const _ of mailbox.watch('a/', controller.signal)) controller.abort();
  await mailbox.list('a/');

  assert.equal(existsSync(join(folder, 'untouched')), false);
});

test('messages are for their owner only and nothing unfinished stays', async () => {
  const mailbox = new LocalDirMailbox(join(folder, 'private'));

  await mailbox.put('a/b.json', 'x', { durable: true });

  assert.equal((await stat(join(mailbox.root, 'a/b.json'))).mode & 0o777, 0o600);
  assert.equal((await stat(join(mailbox.root, 'a'))).mode & 0o777, 0o700);
  assert.deepEqual(await readdir(join(mailbox.root, '~unfinished')), []);
});

test('changes wake a watch by events, not by its time limit', { timeout: 20_000 }, async () => {
  const mailbox = new LocalDirMailbox(join(folder, 'events'));
  const watch = new FolderWatch(join(mailbox.root, 'inbox/run-1'));
  const never = new AbortController().signal;
  const look = async (key: string) => {
    watch.arm();
    const changed = watch.changed(3_600_000, never);
    await mailbox.put(key, 'x');
    await changed;
  };

  // Each would wait an hour if its event were missed: folders that come into being level by level, and come back.
  await look('unrelated.json');
  await look('inbox/other/a.json');
  await look('inbox/run-1/a.json');
  await look('inbox/run-1/deep/er/b.json');
  await look('inbox/run-1/deep/er/c.json');
  await rm(join(mailbox.root, 'inbox'), { recursive: true });
  await look('inbox/run-1/a.json');
  watch.close();
});

test('a folder of many messages lists from a key on', { skip: leftToNpmTest }, async () => {
  const mailbox = new LocalDirMailbox(join(folder, 'many'));
  const keyOf = (number: number) => `runs/r/status/${String(number).padStart(12, '0')}.json`;
  const numbers = Array.from({ length: 2_000 }, (_, index) => index);
  await Promise.all(numbers.map((number) => mailbox.put(keyOf(number), 'x')));

  const keys = await mailbox.list('runs/r/status/', { after: keyOf(1_996) });

  assert.deepEqual(keys, [keyOf(1_997), keyOf(1_998), keyOf(1_999)]);
});

test('what a killed process left unfinished is removed by a later one after a day', async () => {
  const mailbox = new LocalDirMailbox(join(folder, 'killed'));
  const unfinished = join(mailbox.root, '~unfinished');
  await mailbox.put('a.json', 'x');
  for (const name of ['.old.tmp', '.new.tmp']) await writeFile(join(unfinished, name), 'x');
  const twoDaysAgo = Date.now() / 1000 - 2 * 86_400;
  await utimes(join(unfinished, '.old.tmp'), twoDaysAgo, twoDaysAgo);

  await new LocalDirMailbox(mailbox.root).put('a.json', 'y');

  assert.deepEqual(await readdir(unfinished), ['.new.tmp']);
});

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { socketFolder } from './socket-folder.ts';

test('a folder for sockets is private, and lies elsewhere where temporary files have long paths', async (t) => {
  const before = process.env['TMPDIR'];
  const short = await mkdtemp(join(tmpdir(), 'agora-t-'));
  const long = join(short, 'l'.repeat(80));
  await mkdir(long);
  t.after(async () => {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
    await rm(short, { recursive: true });
  });

  process.env['TMPDIR'] = short;
  const usual = await socketFolder();
  process.env['TMPDIR'] = long;
  const other = await socketFolder();
  t.after(() => rm(other, { recursive: true }));

  assert.equal(dirname(usual), short);
  assert.equal(dirname(other), '/tmp');
  assert.equal((await stat(other)).mode & 0o777, 0o700);
});

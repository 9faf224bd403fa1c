import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { diskUsage, reserveBytes, watchFreeSpace } from './disk-usage.ts';
import { aFolder } from './worker-under-test.ts';

const mebibyte = 1024 * 1024;

test('what its owner closed is counted, and one closed folder hides no other', async (t) => {
  const root = await aFolder(t);
  for (const name of ['none', 'no-search', 'open']) {
    mkdirSync(join(root, name, 'inner'), { recursive: true });
    writeFileSync(join(root, name, 'inner', 'file'), Buffer.alloc(mebibyte));
  }
  execFileSync('chmod', ['000', join(root, 'none')]);
  execFileSync('chmod', ['444', join(root, 'no-search')]);
  const script = `const { diskUsage } = await import(${JSON.stringify(join(import.meta.dirname, 'disk-usage.ts'))});
    process.stdout.write(String(await diskUsage([${JSON.stringify(root)}], 1e12)));`;
  // Without the rights of root, when the tests have them: the files stay its own.
  const drop = process.geteuid?.() === 0 ? ['setpriv', '--inh-caps=-all', '--bounding-set=-all'] : ['env'];
  const [file = '', ...given] = [...drop, process.execPath, '--input-type=module', '-e', script];

  const used = Number(execFileSync(file, given, { encoding: 'utf8' }));

  assert.ok(used >= 3 * mebibyte, `counted ${used}`);
});

test('a tree deeper than the folders kept open is counted whole', async (t) => {
  const root = await aFolder(t);
  const deep = join(root, ...Array.from({ length: 300 }, () => 'd'));
  mkdirSync(deep, { recursive: true });
  writeFileSync(join(deep, 'file'), Buffer.alloc(mebibyte));
  writeFileSync(join(root, 'd', 'beside'), Buffer.alloc(mebibyte));

  assert.ok((await diskUsage([root], 1e12)) >= 2 * mebibyte);
});

test('the reserve is a share of the disk, and never more than half of what was free', () => {
  assert.equal(reserveBytes(1_000_000 * mebibyte, 500_000 * mebibyte), 20_000 * mebibyte);
  assert.equal(reserveBytes(1_000 * mebibyte, 900 * mebibyte), 256 * mebibyte);
  assert.equal(reserveBytes(1_000 * mebibyte, 100 * mebibyte), 50 * mebibyte);
});

test('space held by a file that was unlinked ends the watch of a disk', async (t) => {
  if (process.geteuid?.() !== 0) return t.skip('only root can make a small disk');
  const root = await aFolder(t);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', root]);
  const watched = watchFreeSpace(root, AbortSignal.timeout(20_000));
  const script = 'exec 3>held; rm held; head -c 12000000 /dev/zero >&3; echo written; exec sleep 600';
  const child = spawn('sh', ['-c', script], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(child.stdout, 'data');

    assert.equal(await watched, true);
  } finally {
    child.kill('SIGKILL');
    // Before the folder itself is removed.
    execFileSync('umount', ['-l', root]);
  }
});

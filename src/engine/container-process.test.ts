import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { beganBy, hasFilesOf, machineSeconds } from './container-process.ts';

const id = 'c0ffee'.repeat(10);

test('a process is of a container whose files it has at places of their own', () => {
  const folder = `/containers/storage/overlay-containers/${id}/userdata`;
  assert.equal(hasFilesOf(`733 720 0:53 ${folder}/hosts /etc/hosts rw,relatime - tmpfs tmpfs rw`, id), true);
});

test('a process of the host is of no container, although it sees what is mounted for each', () => {
  const folder = `/var/lib/containers/storage/overlay-containers/${id}/userdata`;
  const lines = [
    `611 29 0:61 / ${folder}/shm rw,nosuid - tmpfs shm rw`,
    '29 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw',
  ];
  assert.equal(hasFilesOf(lines.join('\n'), id), false);
  assert.equal(hasFilesOf('', id), false);
});

const skip = process.platform !== 'linux' && 'only Linux tells of processes like this';

test('a process that began after one was told of is another with its number', { skip }, async (t) => {
  const toldAt = await machineSeconds();
  await waitUntil('a later time', async () => (await machineSeconds()) > toldAt);
  const { pid = 0 } = spawn('sleep', ['10']);
  t.after(() => process.kill(pid));

  assert.equal(beganBy(toldAt, pid), false);
  assert.equal(beganBy(await machineSeconds(), pid), true);
  assert.equal(beganBy(await machineSeconds(), 0), false);
});

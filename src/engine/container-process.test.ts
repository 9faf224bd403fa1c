import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasFilesOf } from './container-process.ts';

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

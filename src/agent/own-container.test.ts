import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMounted, surroundingsOf } from './own-container.ts';

const id = 'c0ffee'.padEnd(64, '0');
const line = (root: string, point: string) => `100 90 8:1 ${root} ${point} rw,relatime - ext4 /dev/sda1 rw`;

test('a container of Docker or Podman knows itself by the file that its engine mounts as its hostname', () => {
  const docker = line(`/var/lib/docker/containers/${id}/hostname`, '/etc/hostname');
  const podman = line(`/containers/storage/overlay-containers/${id}/userdata/hostname`, '/etc/hostname');

  assert.equal(surroundingsOf(docker, true).containerId, id);
  assert.equal(surroundingsOf(podman, true).containerId, id);
});

test('a host whose mount table names its containers is none of them', () => {
  const table = line(`/var/lib/docker/containers/${id}/hostname`, '/etc/hostname');

  assert.equal(surroundingsOf(table, false).containerId, undefined);
  assert.equal(surroundingsOf(line('/', '/'), true).containerId, undefined);
});

test('a folder is kept when it or one above it is mounted, other than the root', () => {
  const { mounts } = surroundingsOf([line('/', '/'), line('/data', '/root/.local')].join('\n'), true);

  assert.equal(isMounted('/root/.local/state/agora-agent', mounts), true);
  assert.equal(isMounted('/root/.locals', mounts), false);
});

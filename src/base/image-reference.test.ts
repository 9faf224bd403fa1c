import assert from 'node:assert/strict';
import { test } from 'node:test';
import { familiarReference, isLoopbackRegistry, registryOf, splitReference } from './image-reference.ts';

test('a reference is the same however an engine writes it', () => {
  const same = [
    'busybox',
    'busybox:latest',
    'docker.io/library/busybox',
    'docker.io/busybox:latest',
    'library/busybox',
  ];

  assert.deepEqual(new Set(same.map(familiarReference)), new Set(['busybox:latest']));
  assert.equal(familiarReference('docker.io/team/tool:1'), 'team/tool:1');
  assert.equal(familiarReference('ghcr.io/team/tool'), 'ghcr.io/team/tool:latest');
  assert.equal(familiarReference('localhost:5000/library/tool'), 'localhost:5000/library/tool:latest');
  assert.equal(familiarReference('docker.io/library/tool@sha256:ab'), 'tool@sha256:ab');
  assert.equal(familiarReference('localhost:5000/tool:2@sha256:ab'), 'localhost:5000/tool@sha256:ab');
});

test('a reference has a repository and a version, a port is part of the repository', () => {
  assert.deepEqual(splitReference('localhost:5000/tool'), { repository: 'localhost:5000/tool', version: 'latest' });
  assert.deepEqual(splitReference('localhost:5000/tool:2'), { repository: 'localhost:5000/tool', version: '2' });
  assert.deepEqual(splitReference('a/tool:2@sha256:ab'), { repository: 'a/tool:2', version: 'sha256:ab' });
});

test('the registry is the first part that is a host, and none for the hub', () => {
  const references = [
    'busybox',
    'team/tool:1',
    'docker.io/team/tool',
    'ghcr.io/team/tool',
    'localhost/a',
    'host:5000/a',
  ];

  assert.deepEqual(references.map(registryOf), [undefined, undefined, undefined, 'ghcr.io', 'localhost', 'host:5000']);
});

test('a registry at a loopback address is another one on each machine, whatever its port', () => {
  const ofEach = ['localhost', 'localhost:5000', '127.0.0.1:5000', '127.1.2.3', '[::1]:5000'];
  const ofAll = ['ghcr.io', 'host:5000', 'localhost.example:5000', '127.0.0.1.example', '10.0.0.1:5000', '[::2]:5000'];

  assert.deepEqual(ofEach.filter(isLoopbackRegistry), ofEach);
  assert.deepEqual(ofAll.filter(isLoopbackRegistry), []);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Listening } from '../server/server.ts';
import { firstSteps } from './server-greeting.ts';

const forAll: Listening = { url: 'http://0.0.0.0:8090', address: '0.0.0.0', port: 8090 };
const joinTokenFile = '/data/join-token';
const containerId = `4f3c2b1a0987${'0'.repeat(52)}`;

function linesWith(words: readonly string[], lines: readonly string[]): string[] {
  return lines.filter((line) => words.some((word) => line.includes(word))).map((line) => line.trim());
}

test('a server on a machine tells its own name and path', () => {
  const lines = firstSteps(forAll, { joinTokenFile, hostName: 'gpu-box' });

  assert.deepEqual(linesWith(['agora login', 'join-token (', '-S '], lines), [
    'agora login http://gpu-box:8090',
    'Add a host: copy /data/join-token there as ./join-token (good for 10 hosts within a day), and there:',
    '-S http://gpu-box:8090 --join-token-file /join-token',
  ]);
});

test('a server in a container tells what can be used outside, not its own id as an address', () => {
  const lines = firstSteps(forAll, { joinTokenFile, containerId, hostName: '4f3c2b1a0987' });

  assert.deepEqual(linesWith(['8090', 'docker cp'], lines), [
    'For server-host below put the name or address of the machine that this container is on, and for 8090 the port it publishes.',
    'agora login http://server-host:8090',
    'docker cp 4f3c2b1a0987:/data/join-token join-token',
    '-S http://server-host:8090 --join-token-file /join-token',
  ]);
});

test('a server in a container with the network of its host tells the name of that', () => {
  const lines = firstSteps(forAll, { joinTokenFile, containerId, hostName: 'gpu-box' });

  assert.deepEqual(linesWith(['8090', 'docker cp'], lines), [
    'agora login http://gpu-box:8090',
    'docker cp 4f3c2b1a0987:/data/join-token join-token',
    '-S http://gpu-box:8090 --join-token-file /join-token',
  ]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { directAddresses } from './docker-session-dial.ts';

const own = new Set(['127.0.0.1', '172.18.0.1', '10.0.0.5']);

test('a container is reached by the bridges whose other end is ours, and by no other address', () => {
  const addresses = [
    { address: '172.18.0.7', gateway: '172.18.0.1' },
    // Of a network in another namespace, or of a router: the same address may be somebody else here.
    { address: '10.88.0.3', gateway: '10.88.0.1' },
    { address: '192.168.1.9', gateway: '192.168.1.1' },
  ];

  assert.deepEqual(directAddresses({ hasHostNetwork: false, addresses }, own), ['172.18.0.7']);
});

test('a container on the network of its host is reached as the host itself', () => {
  assert.deepEqual(directAddresses({ hasHostNetwork: true, addresses: [] }, own), ['127.0.0.1', '::1']);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { isLoopback, listenAddress } from './listen-address.ts';

test('an address to listen on is a host and a port, however it is written', () => {
  assert.deepEqual(listenAddress('127.0.0.1:8090'), { host: '127.0.0.1', port: 8090 });
  assert.deepEqual(listenAddress('localhost:1'), { host: 'localhost', port: 1 });
  assert.deepEqual(listenAddress('[::1]:8090'), { host: '::1', port: 8090 });
  assert.deepEqual(listenAddress('http://0.0.0.0:8090/'), { host: '0.0.0.0', port: 8090 });
  assert.deepEqual(listenAddress(':8090'), { host: '0.0.0.0', port: 8090 });
  assert.deepEqual(listenAddress('8090'), { host: '0.0.0.0', port: 8090 });
});

test('anything else is refused with an example', () => {
  for (const typed of ['', 'host', 'a:b', '1.2.3.4:70000', '::1:8090', '[zz]:1', 'a b:1', 'http://x:1/path']) {
    assert.throws(
      () => listenAddress(typed),
      (error) => isAppError(error, 'usage'),
      typed,
    );
  }
});

test('only this machine reaches a loopback address', () => {
  for (const host of [
    '127.0.0.1',
    '127.9.9.9',
    '::1',
    '[::1]',
    'localhost',
    'LOCALHOST',
    'a.localhost',
    '::ffff:127.0.0.1',
  ])
    assert.ok(isLoopback(host), host);
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'localhost.example.com', '127.example.com'])
    assert.ok(!isLoopback(host), host);
});

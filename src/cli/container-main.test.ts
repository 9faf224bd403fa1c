import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withDefaults } from './container-main.ts';

const listen = { name: 'listen', short: 'S', value: '0.0.0.0:8090' };

test('what an image adds to its command line gives way to what the caller says, however it is written', () => {
  assert.deepEqual(withDefaults([], [listen]), ['--listen', '0.0.0.0:8090']);
  assert.deepEqual(withDefaults(['--require-tls'], [listen]), ['--listen', '0.0.0.0:8090', '--require-tls']);
  for (const words of [['--listen', ':1'], ['--listen=:1'], ['-S', ':1'], ['-S:1']])
    assert.deepEqual(withDefaults(words, [listen]), words);
});

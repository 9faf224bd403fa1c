import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf, digestOfStream, sha256Hex } from './hash.ts';

const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

test('text, bytes and chunks of the same content have the same digest', async () => {
  async function* chunks() {
    yield Buffer.from('a');
    yield Buffer.from('bc');
  }

  assert.equal(sha256Hex('abc'), abc);
  assert.equal(digestOf(Buffer.from('abc')), `sha256:${abc}`);
  assert.equal(await digestOfStream(chunks()), `sha256:${abc}`);
});

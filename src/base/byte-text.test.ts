import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byteText } from './byte-text.ts';

test('sizes are told in the unit that suits them', () => {
  const sizes = [0, 1023, 1024, 1536, 1024 ** 3 * 99.96, 1024 ** 2 - 1].map(byteText);

  assert.deepEqual(sizes, ['0 B', '1023 B', '1.0 KiB', '1.5 KiB', '100 GiB', '1.0 MiB']);
});

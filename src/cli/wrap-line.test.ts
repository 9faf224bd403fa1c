import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wrapLine } from './wrap-line.ts';

test('a line is broken between words, and what follows is indented', () => {
  assert.deepEqual(wrapLine('one two three four', 9), ['one two', '  three', '  four']);
  assert.deepEqual(wrapLine('one two', 7), ['one two']);
  assert.deepEqual(wrapLine('', 7), ['']);
  assert.deepEqual(wrapLine('  pull it', 6), ['  pull', '  it']);
});

test('a word that is longer than a line stays whole, and wide characters count twice', () => {
  assert.deepEqual(wrapLine('at https://registry.example/v2 now', 10), [
    'at',
    '  https://registry.example/v2',
    '  now',
  ]);
  assert.deepEqual(wrapLine('漢字 漢字', 8, 0), ['漢字', '漢字']);
  assert.deepEqual(wrapLine('漢字 漢字', 9, 0), ['漢字 漢字']);
});

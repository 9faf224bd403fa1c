import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namesAmong } from './keys.ts';

test('a file that has no name of ours is looked over where names are listed', () => {
  const files = ['b.json', 'a.json.json', 'a (copy).json', '.json', '.hidden.json', 'c.tmp', 'ü.json'];

  assert.deepEqual(namesAmong(files), ['a.json', 'b']);
});

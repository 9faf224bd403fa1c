import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../contracts/names.ts';
import { problemCount } from './problem-count.ts';

test('a count says that there may be more where the looking stopped', () => {
  const counts = [1, 2, limits.planProblems].map((length) => problemCount(Array.from({ length })));

  assert.deepEqual(counts, ['one problem', '2 problems', '100 problems or more']);
});

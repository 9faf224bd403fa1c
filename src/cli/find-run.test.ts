import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runIdSchema } from '../contracts/ids.ts';
import { asRunId, matchRun } from './find-run.ts';

const known = ['fanout-1', 'fanout-10', 'nightly'].map((id) => runIdSchema.parse(id));

test('an id is found by itself, even when longer ones begin with it', () => {
  assert.equal(matchRun('fanout-1', known), 'fanout-1');
});

test('a prefix only one run has stands for it', () => {
  assert.equal(matchRun('nig', known), 'nightly');
});

test('a prefix of several runs is refused with their ids', () => {
  assert.throws(() => matchRun('fan', known), { code: 'usage', message: /2 begin so: fanout-1, fanout-10/ });
});

test('a word no run begins with finds none', () => {
  assert.equal(matchRun('other', known), undefined);
  assert.equal(matchRun('', known), undefined);
});

test('a word that can be no id is refused with the rule', () => {
  assert.throws(() => asRunId('../etc'), { code: 'usage', message: /letter or digit/ });
});

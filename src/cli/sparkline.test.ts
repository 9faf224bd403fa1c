import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sparkline, squeezed } from './sparkline.ts';

test('each value is a bar as high as its share of the highest', () => {
  assert.equal(sparkline([0, 1, 2, 3, 4, 5, 6, 7]), '▁▂▃▄▅▆▇█');
  assert.equal(sparkline([0.5, 2, -1], { top: 1 }), '▅█▁');
});

test('what is not known is a gap, and nothing at all is flat', () => {
  assert.equal(sparkline([1, null, null, 1]), '█  █');
  assert.equal(sparkline([0, 0]), '▁▁');
  assert.equal(sparkline([]), '');
});

test('more values than there is room for are put together, gaps left out', () => {
  assert.deepEqual(squeezed([1, 3, null, 5, null, null], 3), [2, 5, null]);
  assert.deepEqual(squeezed([1, 2], 5), [1, 2]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sizeSchema, timeSpanSchema } from './host-spec.ts';
import { sizeInBytes, timeSpanInMs } from './host-units.ts';

test('sizes are bytes, with or without a unit', () => {
  const sizes = [4096, '4096', '1k', '1.5K', '512m', '512mb', '2g', '1TB'].map((size) => sizeSchema.parse(size));

  assert.deepEqual(sizes.map(sizeInBytes), [4096, 4096, 1024, 1536, 2 ** 29, 2 ** 29, 2 ** 31, 2 ** 40]);
});

test('time spans are seconds unless they have a unit', () => {
  const spans = [0, 1.5, '500ms', '30s', '0.5m', '1h'].map((span) => timeSpanSchema.parse(span));

  assert.deepEqual(spans.map(timeSpanInMs), [0, 1_500, 500, 30_000, 30_000, 3_600_000]);
});

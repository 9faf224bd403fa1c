import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDuration, roundAllMs } from './duration.ts';

test('a duration is written with the unit a person would choose', () => {
  const cases: [number, string][] = [
    [0, '0 ms'],
    [0.42, '0.4 ms'],
    [85.3, '85 ms'],
    [999.6, '1 s'],
    [1234, '1.2 s'],
    [59_960, '1 min'],
    [200_000, '3 min 20 s'],
    [7_500_000, '2 h 5 min'],
    [172_740_000, '47 h 59 min'],
    [172_800_000, '2 d'],
    [878_400_000, '10 d 4 h'],
  ];

  assert.deepEqual(
    cases.map(([ms]) => formatDuration(ms)),
    cases.map(([, text]) => text),
  );
});

test('recorded milliseconds have a tenth at most', () => {
  assert.deepEqual(roundAllMs({ run: 969.4946460000001, capture: 0.06, setup: 0 }), {
    run: 969.5,
    capture: 0.1,
    setup: 0,
  });
});

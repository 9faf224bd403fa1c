import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figureText, sampleRow, shareText } from './metric-text.ts';

test('shares are told with as many digits as they need', () => {
  assert.deepEqual([shareText(0.054), shareText(0.5), shareText(undefined)], ['5.4 %', '50 %', '']);
});

test('a figure has the unit of its series', () => {
  const texts = [
    figureText('host', 'cpu', 0.25),
    figureText('host', 'disk:/', 1024 ** 3),
    figureText('workspace', 'cpus', 1.5),
    figureText('workspace', 'sent', 2048),
    figureText('gpu', 'temperature', 64.4),
    figureText('host', 'processes', 123.4),
  ];

  assert.deepEqual(texts, ['25 %', '1.0 GiB', '1.50', '2.0 KiB/s', '64 °C', '123']);
});

test('what a sample does not tell stays empty in its row', () => {
  const at = '2026-01-01T00:00:00.000Z';

  assert.deepEqual(sampleRow({ at }, Date.parse(at) + 3_000), ['', '', '', '', '', '', '', '3 s ago']);
});

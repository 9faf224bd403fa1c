import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallerPatience, type LostStream } from './caller-patience.ts';

const close = { code: 'host-away', message: 'cut' } as const;
const refused: LostStream = { close, openedAt: 0, wasOpen: false, hasCarried: false, lingerSeconds: undefined };
const lost: LostStream = { ...refused, wasOpen: true, lingerSeconds: 300 };

function waits(patience: CallerPatience, stream: LostStream, times: number): number[] {
  return Array.from({ length: times }, () => patience.waitAfter(stream, 1) ?? Number.NaN);
}

test('what was never there is asked for fifteen seconds, what was there as long as it waits', () => {
  const [first, later] = [new CallerPatience(0), new CallerPatience(0)];
  later.waitAfter(lost, 1_000);

  assert.ok((first.waitAfter(refused, 15_000) ?? 0) > 0);
  assert.equal(first.waitAfter(refused, 15_001), undefined);
  assert.ok((later.waitAfter({ ...lost, wasOpen: false }, 301_000) ?? 0) > 0);
  assert.equal(later.waitAfter({ ...lost, wasOpen: false }, 301_001), undefined);
  assert.equal(first.waitAfter({ ...refused, close: { code: 'refused', message: 'no' } }, 1), undefined);
});

test('a stream that goes as soon as it comes is asked for less and less, one that held at once', () => {
  const patience = new CallerPatience(0);

  const last = waits(patience, lost, 12).at(-1) ?? 0;
  const [afterData] = waits(patience, { ...lost, hasCarried: true }, 1);
  waits(patience, lost, 12);
  const afterLong = patience.waitAfter(lost, 5_001) ?? 0;

  assert.ok(last >= 2_500 && last <= 5_000, `${last} ms`);
  assert.ok(afterData !== undefined && afterData <= 20, `${afterData} ms`);
  assert.ok(afterLong <= 20, `${afterLong} ms`);
});

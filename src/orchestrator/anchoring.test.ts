import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anAnchorEntry } from '../../test/support/an-anchor-entry.ts';
import { leftToNpmTest } from '../../test/support/quick-tests.ts';
import type { Anchor } from '../audit/anchor.ts';
import { sleep } from '../base/deadline.ts';
import { Anchoring } from './anchoring.ts';

const entry = anAnchorEntry();

/** An anchor that answers after longer than the end of a run waits for it. */
const slow: Anchor = {
  kind: 's3-object-lock',
  id: 's3:slow',
  locatorOf: () => 's3://slow/run-1',
  record: async (_, signal) => sleep(5_200, signal),
  readBack: async () => {
    const readAt = new Date().toISOString();
    const lock = { mode: 'COMPLIANCE', retainUntil: new Date(Date.now() + 86_400_000).toISOString() } as const;
    const versions = [{ versionId: '1', at: readAt, entry, ...lock }];
    return { locator: 's3://slow/run-1', readAt, retentionMs: 1_000, versions };
  },
};

const skip = leftToNpmTest;
test('a slow anchor is not waited for at the end of a run, but later', { skip, timeout: 20_000 }, async () => {
  const { signal } = new AbortController();
  const anchoring = new Anchoring({ anchors: [slow], onLine: () => undefined, signal });

  const [[atEnd], [late]] = await Promise.all([
    anchoring.anchor([slow.id], entry),
    anchoring.anchor([slow.id], entry, true),
  ]);

  assert.deepEqual([atEnd?.standing?.state, late?.standing?.state], [undefined, 'held']);
});

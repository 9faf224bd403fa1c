import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { type AnchorRow, type AnchorRows, LocalAnchor } from './local-anchor.ts';
import { aRun, aSigner, seal } from './sample-run.suite.ts';
import { anchorEntryOf } from './seal.ts';

function inMemory(): AnchorRows {
  const rows = new Map<string, AnchorRow>();
  return {
    putAnchor: async (row) => void (rows.has(row.runId) || rows.set(row.runId, row)),
    getAnchor: async (runId) => rows.get(runId),
  };
}

test('a run is anchored once: the same seal again is fine, another one is refused and changes nothing', async () => {
  const anchor = new LocalAnchor(inMemory());
  const entry = anchorEntryOf(await seal(aRun(), aSigner()));
  const other = anchorEntryOf(await seal(aRun(), aSigner()));
  assert.equal(await anchor.evidence(entry.runId), undefined);

  await anchor.record(entry);
  await anchor.record(entry);

  await assert.rejects(anchor.record(other), (error: unknown) => isAppError(error, 'refused'));
  assert.deepEqual(await anchor.evidence(entry.runId), {
    kind: 'local',
    id: 'local',
    locator: 'anchors/sample-1',
    evidence: entry,
  });
});

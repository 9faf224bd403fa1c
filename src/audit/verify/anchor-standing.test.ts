import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anAnchorEntry } from '../../../test/support/an-anchor-entry.ts';
import type { ReadBack } from './anchor-evidence.ts';
import { standingOf } from './anchor-standing.ts';

const dayMs = 86_400_000;
const written = '2026-11-21T10:00:00.000Z';
const now = '2026-11-21T10:00:05.000Z';
const nextDay = '2026-11-22T10:00:00.000Z';

const entry = anAnchorEntry({ at: written });
const other = { ...entry, root: 'ef'.repeat(32) };
const locked = { versionId: 'v1', at: written, entry, mode: 'COMPLIANCE', retainUntil: nextDay } as const;

function judged(versions: ReadBack['versions'], more: Partial<ReadBack> = {}, asOf = now) {
  return standingOf({ locator: 'here', readAt: now, retentionMs: dayMs, versions, ...more }, entry, asOf);
}

test('one version, locked in mode COMPLIANCE for as long as was wanted, cannot be changed', () => {
  assert.deepEqual(judged([locked]), { state: 'held', guarantee: 'external-immutable', lockedUntil: nextDay });
});

test('the same put twice, because an answer was lost, is no conflict', () => {
  assert.equal(judged([locked, { ...locked, versionId: 'v2' }]).state, 'held');
});

test('an entry that somebody could still remove earns no more than detect, and says why', () => {
  const { mode: _, retainUntil: __, ...bare } = locked;
  const cases: [ReadBack['versions'][number], Partial<ReadBack>, RegExp][] = [
    [bare, {}, /^no lock is on it$/],
    [bare, { hasNoLock: true }, /nothing can be locked there/],
    [bare, { isUnversioned: true }, /lists no versions/],
    [locked, { isUnversioned: true }, /lists no versions/],
    [{ ...locked, mode: 'GOVERNANCE' }, {}, /mode GOVERNANCE, which some may lift/],
    [{ ...locked, mode: 'compliance' }, {}, /mode compliance/],
    [{ ...bare, mode: 'COMPLIANCE' }, {}, /^no lock is on it$/],
    [locked, { retentionMs: 30 * dayMs }, /locked for 1 day, which is less than 30 days/],
  ];
  for (const [version, more, because] of cases) {
    const standing = judged([version], more);
    assert.ok(standing.state === 'held' && standing.guarantee === 'detect');
    assert.match(standing.because, because);
  }
});

test('a lock that ended protects nothing any more, also when it ends right now', () => {
  for (const asOf of [nextDay, '2027-01-01T00:00:00.000Z']) {
    const standing = judged([locked], {}, asOf);
    assert.ok(standing.state === 'held' && standing.guarantee === 'detect');
    assert.match(standing.because, /its lock ended at 2026-11-22/);
  }
});

test('the seconds between asking for a lock and having it are no shorter retention, an hour is', () => {
  assert.equal(judged([{ ...locked, at: now }]).state === 'held' && judged([{ ...locked, at: now }]).state, 'held');
  const late = judged([{ ...locked, at: '2026-11-21T10:00:59.000Z' }]);
  const short = judged([{ ...locked, retainUntil: '2026-11-22T09:00:00.000Z' }]);

  assert.ok('guarantee' in late && late.guarantee === 'external-immutable');
  assert.ok('guarantee' in short && short.guarantee === 'detect');
});

test('whatever else lies under the name of the run is a conflict, before or after, locked or not', () => {
  const foreign = { versionId: 'v9', at: written };
  const cases: [ReadBack['versions'], RegExp][] = [
    [[{ ...locked, entry: other }], /version v1 of 2026-.*, the oldest, is of another seal \(root efef/],
    [[foreign, locked], /version v9 .*the oldest, is no entry of an anchor/],
    [[locked, foreign], /version v9 .*put over what was sealed, is no entry of an anchor/],
    [
      [locked, { ...locked, versionId: 'v2', entry: other }],
      /version v2 .*put over what was sealed, is of another seal/,
    ],
    [[locked, { ...foreign, isDeleteMarker: true }], /version v9 .* marks what was sealed as deleted/],
    [[{ ...foreign, isDeleteMarker: true }], /marks what was sealed as deleted/],
  ];
  for (const [versions, because] of cases) {
    const standing = judged(versions);
    assert.equal(standing.state, 'conflict');
    assert.match('because' in standing ? standing.because : '', because);
  }
  assert.equal(judged([locked], { isCutShort: true }).state, 'conflict');
});

test('an entry of another deployment, run or time is another entry', () => {
  for (const change of [{ origin: `agora/${'6b'.repeat(16)}` }, { runId: 'run-2' }, { at: now }, { size: 8 }]) {
    assert.equal(judged([{ ...locked, entry: { ...entry, ...change } }]).state, 'conflict');
  }
});

test('where nothing is, it is missing, and a bucket that cannot lock is named as the reason', () => {
  assert.deepEqual(judged([]), { state: 'missing', because: 'it holds nothing of this run' });
  assert.deepEqual(judged([], { hasNoLock: true }), {
    state: 'missing',
    because: 'it holds nothing of this run: nothing can be locked there',
  });
});

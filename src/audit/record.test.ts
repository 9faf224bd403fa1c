import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalize } from '../base/canonical-json.ts';
import { appendRecord, startOfLog } from './record.ts';
import { at, origin } from './sample-run.suite.ts';
import { leafHash } from './verify/merkle.ts';
import { auditRecord } from './verify/record.ts';

const log = { origin, runId: 'run-1' };

test('a record is the JCS text of its members, and its hash is the RFC 6962 leaf hash of that text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.maxSafeNat(), fc.maxSafeNat(), (detail, attempt, nextSequence) => {
      const draft = { kind: 'audit.gap', item: 'edit', attempt, body: { reason: 'late-result', detail } } as const;
      const position = { nextSequence, previousHash: leafHash('before') };

      const { text, hash } = appendRecord(log, position, draft, at);

      const members = { v: 1, log: origin, run: 'run-1', seq: nextSequence, prev: position.previousHash, at, ...draft };
      assert.equal(text, canonicalize(members));
      assert.equal(hash, leafHash(text));
    }),
  );
});

test('each record names the one before it, and the first names none', () => {
  const first = appendRecord(log, startOfLog, { kind: 'run.cancelled', body: { actor: 'mara' } }, at);
  const second = appendRecord(
    log,
    first.position,
    { kind: 'key.changed', body: { keyId: `sha256:${'0'.repeat(64)}` } },
    at,
  );

  const records = [first, second].map(({ text }) => auditRecord(JSON.parse(text), 'record'));

  assert.deepEqual(
    records.map(({ seq, prev }) => ({ seq, prev })),
    [
      { seq: 0, prev: '' },
      { seq: 1, prev: first.hash },
    ],
  );
  assert.deepEqual(second.position, { nextSequence: 2, previousHash: second.hash });
});

test('a body that has no exact form is refused before it gets a place', () => {
  for (const durationMs of [0.5, Number.NaN, 2 ** 53]) {
    const draft = {
      kind: 'item.result',
      item: 'a',
      attempt: 1,
      body: { outcome: 'done', durationMs, artifacts: [] },
    } as const;
    assert.throws(() => appendRecord(log, startOfLog, draft, at), TypeError);
  }
});

test('a record of another kind or version, with another member or without its item is refused', () => {
  const { text } = appendRecord(log, startOfLog, { kind: 'item.skipped', item: 'a', body: { because: 'b' } }, at);
  const record = JSON.parse(text);
  const { item, ...withoutItem } = record;
  assert.equal(item, 'a');

  auditRecord(record, 'record');
  for (const wrong of [
    { ...record, kind: 'item.forgotten' },
    { ...record, v: 2 },
    { ...record, note: 'x' },
    { ...record, attempt: 1 },
    { ...record, at: '2026-11-21T10:00:00Z' },
    { ...record, body: { because: 'b', or: 'c' } },
    { ...record, body: {} },
    withoutItem,
    null,
  ]) {
    assert.throws(() => auditRecord(wrong, 'record'), { name: 'Refusal' });
  }
});

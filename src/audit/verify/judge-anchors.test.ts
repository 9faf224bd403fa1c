import assert from 'node:assert/strict';
import { test } from 'node:test';
import { evidenceOf } from '../anchored-seal.ts';
import { assembleBundle, printBundle } from '../bundle.ts';
import { aRun, aSigner, localEvidence, type SampleOptions, seal, trustIn } from '../sample-run.suite.ts';
import { anchorEntryOf } from '../seal.ts';
import {
  type AnchorEvidenceFile,
  anchorEvidenceFormat,
  parseAnchorEvidence,
  type ReadBack,
} from './anchor-evidence.ts';
import { exitCodeOf } from './report.ts';
import { reportText } from './report-text.ts';
import { type VerifyOptions, verifyBundle } from './verify.ts';

const signer = aSigner();
const trust = await trustIn(signer);
const id = 's3:audit';
const anchor = { kind: 's3-object-lock', id, locatorOf: () => 's3://audit/x' } as const;
const written = '2026-11-21T10:00:00.000Z';
const ends = '2026-11-22T10:00:00.000Z';

/** A run sealed under these anchors, what S3 should hold of it, and what it shows where all is well. */
async function aSealedRun(options: SampleOptions = { anchors: ['local', id] }) {
  const run = aRun(options);
  const sealed = await seal(run, signer);
  const entry = anchorEntryOf(run.origin, sealed);
  const version = { versionId: 'v1', at: written, entry, mode: 'COMPLIANCE', retainUntil: ends };
  const shown: ReadBack = { locator: 's3://audit/x', readAt: written, retentionMs: 1, versions: [version] };
  const bundle = (told?: ReadBack) => {
    const anchors = (options.anchors ?? ['local']).map((name) =>
      name === 'local' ? localEvidence(run.origin, sealed) : evidenceOf({ ...anchor, id: name }, entry, told),
    );
    return printBundle(assembleBundle({ ...run, seal: sealed, anchors, trust }));
  };
  const judge = (told: ReadBack | undefined, more: Partial<VerifyOptions> = {}) =>
    verifyBundle(bundle(told), { trust, ...more });
  const file = (readBack = shown): AnchorEvidenceFile => ({
    format: anchorEvidenceFormat,
    origin: run.origin,
    runId: run.runId,
    anchors: [{ id, readBack }],
  });
  return { entry, version, shown, judge, file };
}

test('what an anchor is seen to hold now, locked, makes a bundle tamper-evident', async () => {
  const { shown, judge } = await aSealedRun();

  const report = await judge(shown, { readings: [{ id, readBack: shown }] });

  assert.equal(report.intact, true);
  assert.equal(report.guarantee, 'external-immutable');
  assert.equal(report.claim, 'tamper-evident');
  assert.deepEqual(report.anchors, [
    { id: 'local', state: 'held', guarantee: 'detect' },
    { id, state: 'held', guarantee: 'external-immutable', lockedUntil: ends },
  ]);
  assert.match(reportText(report), /INTACT, tamper-evident\n[\s\S]*nobody can remove it before 2026-11-22/);
});

test('what a bundle says of its own anchor is not believed', async () => {
  const { shown, judge } = await aSealedRun();

  const report = await judge(shown);

  assert.equal(report.intact, true);
  assert.equal(report.guarantee, 'detect');
  assert.equal(report.claim, 'tamper-detecting');
  assert.equal(report.anchors[1]?.state, 'not-read');
  assert.match(reportText(report), /s3:audit: not read, what the bundle says of it is not believed/);
});

test('an entry that is held but could be removed leaves the bundle intact, with the reason', async () => {
  const { shown, version, judge } = await aSealedRun();
  const readBack = { ...shown, versions: [{ ...version, mode: 'GOVERNANCE' }] };

  const report = await judge(shown, { readings: [{ id, readBack }] });

  assert.equal(exitCodeOf(report), 0);
  assert.equal(report.guarantee, 'detect');
  assert.match(reportText(report), /anchor {5}s3:audit: held, its lock is in mode GOVERNANCE/);
});

test('a conflict makes it not intact, whatever the bundle says of it', async () => {
  const { shown, entry, version, judge } = await aSealedRun();
  const other = { ...version, entry: { ...entry, root: 'ab'.repeat(32) } };
  const marker = { versionId: 'v2', at: written, isDeleteMarker: true } as const;

  for (const versions of [[other], [version, other], [version, marker]]) {
    for (const told of [shown, undefined]) {
      const report = await judge(told, { readings: [{ id, readBack: { ...shown, versions } }] });

      assert.equal(report.failure, 'anchor-conflict');
      assert.equal(report.checks.anchors, false);
      assert.equal(report.guarantee, 'none');
      assert.equal(exitCodeOf(report), 1);
      assert.match(reportText(report), /NOT INTACT\. An anchor shows something else/);
    }
  }
});

test('what is missing, or cannot be asked, leaves the verdict open', async () => {
  const { shown, judge } = await aSealedRun();

  const missing = await judge(shown, { readings: [{ id, readBack: { ...shown, versions: [] } }] });
  const unreachable = await judge(shown, { readings: [{ id, failure: 'Cannot reach it: no network' }] });

  for (const report of [missing, unreachable]) {
    assert.equal(report.intact, false);
    assert.equal(report.checks.anchors, 'n/a');
    assert.equal(exitCodeOf(report), 3);
    assert.match(reportText(report), /NOT DECIDED, an anchor/);
  }
  assert.deepEqual([missing.failure, unreachable.failure], ['anchor-missing', 'anchor-unreachable']);
});

test('what is wrong with the bundle itself comes before what cannot be asked', async () => {
  const { judge, file } = await aSealedRun();
  const stranger = await trustIn(aSigner());

  const report = await judge(undefined, { trust: stranger, readings: [{ id, failure: 'no network' }] });
  const untrusted = await judge(undefined, { trust: undefined, evidence: { file: file(), now: written } });

  assert.equal(report.failure, 'seal');
  assert.equal(exitCodeOf(report), 1);
  assert.equal(untrusted.failure, 'no-trust');
});

test('an entry that has yet to get there earns detect, and more once it is seen there', async () => {
  const { shown, judge } = await aSealedRun();
  const nothing = { ...shown, versions: [] };

  const offline = await judge(undefined);
  const asked = await judge(undefined, { readings: [{ id, readBack: nothing }] });
  const landed = await judge(undefined, { readings: [{ id, readBack: shown }] });

  for (const report of [offline, asked]) {
    assert.equal(report.intact, true);
    assert.equal(report.guarantee, 'detect');
    assert.equal(report.anchors[1]?.state, 'pending');
  }
  assert.equal(landed.guarantee, 'external-immutable');
});

test('an anchor the run names no more, but that holds something of it, is a conflict', async () => {
  const { shown, judge } = await aSealedRun({ anchors: ['local'] });

  const silent = await judge(undefined, { readings: [{ id, readBack: { ...shown, versions: [] } }] });
  const report = await judge(undefined, { readings: [{ id, readBack: shown }] });

  assert.equal(silent.intact, true);
  assert.equal(report.failure, 'anchor-conflict');
  assert.match(report.failures[0]?.message ?? '', /names no "s3:audit", which holds something of this run/);
});

test('evidence of somebody else counts while the lock lasts, and only for its run', async () => {
  const { shown, file, judge } = await aSealedRun();
  const at = (now: string, given = file()) => judge(undefined, { evidence: { file: given, now } });

  assert.equal((await at(written)).guarantee, 'external-immutable');
  assert.equal((await at('2026-11-21T09:00:00.000Z')).guarantee, 'external-immutable');
  assert.equal((await at('2026-11-22T10:00:00.000Z')).guarantee, 'detect');
  assert.match((await at('2026-12-01T00:00:00.000Z')).anchors[1]?.because ?? '', /its lock ended at/);
  const foreign = await at(written, { ...file(), runId: 'another' });
  assert.equal(foreign.failure, 'anchor-unreachable');
  assert.match(foreign.failures[0]?.message ?? '', /the evidence given is about run "another"/);
  assert.deepEqual(parseAnchorEvidence(JSON.stringify(file(shown))), file(shown));
});

test('an evidence file with anything unknown, twice or left out in it is refused', async () => {
  const { file } = await aSealedRun();
  const [only] = file().anchors;
  assert.ok(only !== undefined);
  const bad = [
    { ...file(), format: 'agora/anchor-evidence/v2' },
    { ...file(), more: 1 },
    { ...file(), anchors: [only, only] },
    { ...file(), anchors: [{ id }] },
    { ...file(), anchors: [{ id, readBack: { ...only.readBack, readAt: 'now' } }] },
    { ...file(), anchors: [{ id, readBack: { ...only.readBack, versions: [{}] } }] },
  ];

  for (const each of bad) assert.throws(() => parseAnchorEvidence(JSON.stringify(each)));
});

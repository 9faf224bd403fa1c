import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { before, test } from 'node:test';
import { leftToNpmTest } from '../../../test/support/quick-tests.ts';
import { canonicalize } from '../../base/canonical-json.ts';
import { type AnchorEvidenceFile, parseAnchorEvidence } from './anchor-evidence.ts';
import { parseTrust, type Trust } from './trust.ts';
import { verifyBundle } from './verify.ts';

// Made once and never again, as the bundle without an anchor outside.
const goldenFile = new URL('bundle-anchored.golden.json', import.meta.url);
const trustFile = new URL('trust-anchored.golden.json', import.meta.url);
const evidenceFile = new URL('evidence-anchored.golden.json', import.meta.url);
/** Where there is no time for all bytes. */
const step = leftToNpmTest ? 7 : 1;
const now = '2026-11-21T12:00:00.000Z';

let golden: Buffer;
let evidenceBytes: Buffer;
let trust: Trust;
let file: AnchorEvidenceFile;

before(async () => {
  golden = await readFile(goldenFile);
  evidenceBytes = await readFile(evidenceFile);
  trust = parseTrust(await readFile(trustFile));
  file = parseAnchorEvidence(evidenceBytes);
});

test('the golden bundle with an anchor outside is tamper-evident with its evidence, and intact without', async () => {
  const alone = await verifyBundle(golden, { trust });
  const told = await verifyBundle(golden, { trust, evidence: { file, now } });
  const late = await verifyBundle(golden, { trust, evidence: { file, now: '2026-11-23T00:00:00.000Z' } });

  assert.deepEqual(
    [alone, told, late].map(({ guarantee }) => guarantee),
    ['detect', 'external-immutable', 'detect'],
  );
  assert.deepEqual([alone.failures, told.failures, late.failures], [[], [], []]);
});

test('any byte of what a bundle says of its anchors is bound, or earns it nothing', async () => {
  const from = golden.indexOf('"anchors": [\n');
  const to = golden.indexOf('"items": [');
  for (let at = from; at < to; at += step) {
    const changed = Buffer.from(golden);
    changed[at] = (changed[at] ?? 0) ^ 1;
    const report = await verifyBundle(changed, { trust });
    assert.notEqual(report.guarantee, 'external-immutable');
    if (report.intact) assert.equal(boundTextOf(changed), boundTextOf(golden), `byte ${at} was not noticed`);
  }
});

test('evidence with any byte changed is refused, or never worth more than it was', async () => {
  for (let at = 0; at < evidenceBytes.length; at += step) {
    const changed = Buffer.from(evidenceBytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    const given = parsedOrNothing(changed);
    if (given === undefined) continue;
    const report = await verifyBundle(golden, { trust, evidence: { file: given, now } });
    if (report.guarantee !== 'external-immutable') continue;
    assert.equal(essenceOf(given), essenceOf(file), `byte ${at} was not noticed`);
  }
});

function parsedOrNothing(bytes: Buffer): AnchorEvidenceFile | undefined {
  try {
    return parseAnchorEvidence(bytes);
  } catch {
    // Refusing is one of the two right answers.
    return undefined;
  }
}

/** What evidence is judged by, but for times, which may change within what was wanted. */
function essenceOf({ origin, runId, anchors }: AnchorEvidenceFile): string {
  const versions = anchors.map(({ id, readBack }) => [
    id,
    readBack.versions.map(({ entry, mode }) => [entry ?? '', mode ?? '']),
  ]);
  return canonicalize([origin, runId, versions]);
}

/** What an intact verdict covers of a bundle. */
function boundTextOf(bytes: Buffer): string {
  const { report: _, ...value } = JSON.parse(bytes.toString());
  for (const anchor of value.anchors) for (const member of ['locator', 'state', 'readBack']) delete anchor[member];
  return canonicalize(value);
}

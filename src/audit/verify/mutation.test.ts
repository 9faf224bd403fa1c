import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { before, test } from 'node:test';
import { leftToNpmTest } from '../../../test/support/quick-tests.ts';
import { canonicalize } from '../../base/canonical-json.ts';
import { unboundMembers } from './bundle.ts';
import { parseTrust, type Trust } from './trust.ts';
import { verifyBundle } from './verify.ts';

// Made once and never again: a verifier that refuses it has broken the format.
const goldenFile = new URL('bundle.golden.json', import.meta.url);
const trustFile = new URL('trust.golden.json', import.meta.url);

let golden: Buffer;
let trust: Trust;

before(async () => {
  golden = await readFile(goldenFile);
  trust = parseTrust(await readFile(trustFile));
});

const changes: Readonly<Record<string, (bytes: Buffer, at: number) => Buffer>> = {
  'flipped in its lowest bit': (bytes, at) => replaced(bytes, at, (byte) => byte ^ 1),
  'one higher': (bytes, at) => replaced(bytes, at, (byte) => (byte + 1) & 0xff),
  deleted: (bytes, at) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]),
  'after an inserted digit': (bytes, at) =>
    Buffer.concat([bytes.subarray(0, at), Buffer.from('0'), bytes.subarray(at)]),
};

/** Where there is no time for all of them, each third byte is changed in one of the ways. */
const step = leftToNpmTest ? 3 * Object.keys(changes).length : 1;

for (const [index, [name, change]] of Object.entries(changes).entries()) {
  const first = (3 * index) % step;
  test(`a bundle with any byte ${name} is not intact, outside the published list`, async () => {
    for (let at = first; at < golden.length; at += step) {
      const changed = change(golden, at);
      const report = await verifyBundle(changed, { trust });
      if (report.intact) assert.equal(boundTextOf(changed), boundTextOf(golden), `byte ${at} was not noticed`);
    }
  });
}

test('the golden bundle is intact, and a bundle cut short anywhere is not', async () => {
  const whole = await verifyBundle(golden, { trust });

  assert.deepEqual(whole.failures, []);
  assert.equal(whole.intact, true);
  for (let length = 0; length < golden.length - 1; length += 7) {
    const report = await verifyBundle(golden.subarray(0, length), { trust });
    assert.equal(report.failure, 'parse', `cut after ${length}`);
  }
});

test('every array element of a bundle is bound: deleted, repeated or swapped it is noticed', async () => {
  const arrays = pathsOfArrays(JSON.parse(golden.toString()));
  assert.ok(arrays.length > 20);
  for (const path of arrays) {
    for (const [name, edit] of Object.entries(arrayEdits)) {
      const value = JSON.parse(golden.toString());
      const list = path.reduce((at, step) => at[step], value);
      const before = canonicalize(list);
      edit(list);
      if (canonicalize(list) === before) continue;
      const report = await verifyBundle(JSON.stringify(value), { trust });
      assert.equal(report.intact, false, `${path.join('.')} ${name}`);
    }
  }
});

test('a bundle with one more member anywhere is not intact, outside the published list', async () => {
  for (const path of pathsOfObjects(JSON.parse(golden.toString()))) {
    const value = JSON.parse(golden.toString());
    path.reduce((at, step) => at[step], value).extra = 1;
    const report = await verifyBundle(JSON.stringify(value), { trust });
    assert.equal(report.intact, path[0] === 'report', path.join('.'));
  }
});

test('what is on the published list does not count: each entry can really be changed', async () => {
  const value = JSON.parse(golden.toString());
  value.report = { intact: false };
  value.anchors[0].locator = 'elsewhere';
  value.anchors[0].state = 'conflict';
  value.anchors[0].readBack = { locator: '', readAt: value.anchors[0].evidence.at, retentionMs: 1, versions: [] };
  const reordered = Object.fromEntries(Object.entries(value).reverse());

  const report = await verifyBundle(JSON.stringify(reordered), { trust });

  assert.equal(report.intact, true);
  assert.deepEqual(unboundMembers, ['report', 'anchors[].locator', 'anchors[].state', 'anchors[].readBack']);
});

const arrayEdits: Readonly<Record<string, (list: unknown[]) => void>> = {
  'without its first element': (list) => list.shift(),
  'without its last element': (list) => list.pop(),
  'with its first element twice': (list) => list.unshift(structuredClone(list[0] ?? 0)),
  'with its last element twice': (list) => list.push(structuredClone(list.at(-1) ?? 0)),
  'with its first two swapped': (list) => list.splice(0, 2, ...list.slice(0, 2).reverse()),
  reversed: (list) => list.reverse(),
};

/** What an intact verdict covers: everything but white space, member order and the published members. */
function boundTextOf(bytes: Buffer): string {
  const value = JSON.parse(bytes.toString());
  delete value.report;
  for (const anchor of value.anchors) for (const member of ['locator', 'state', 'readBack']) delete anchor[member];
  return canonicalize(value);
}

function replaced(bytes: Buffer, at: number, change: (byte: number) => number): Buffer {
  const changed = Buffer.from(bytes);
  changed[at] = change(changed[at] as number);
  return changed;
}

type Path = readonly (string | number)[];

function pathsOfArrays(value: unknown, path: Path = []): Path[] {
  if (path[0] === 'report' || typeof value !== 'object' || value === null) return [];
  const below = Object.entries(value).flatMap(([name, member]) => pathsOfArrays(member, [...path, name]));
  return Array.isArray(value) ? [path, ...below] : below;
}

function pathsOfObjects(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [];
  const below = Object.entries(value).flatMap(([name, member]) => pathsOfObjects(member, [...path, name]));
  return Array.isArray(value) ? below : [path, ...below];
}

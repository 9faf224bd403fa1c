import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const bundle = here('bundle.golden.json');
const trust = here('trust.golden.json');
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'agora-verify-'));
});

after(() => rm(folder, { recursive: true, force: true }));

function verify(...words: string[]) {
  return spawnSync(process.execPath, [here('main.ts'), ...words], { encoding: 'utf8' });
}

test('an intact bundle is shown as that, with what is not proved, and exits 0', () => {
  const { status, stdout } = verify(bundle, '--trust', trust);

  assert.equal(status, 0);
  assert.match(stdout, /^Run golden-1: INTACT, tamper-detecting$/m);
  assert.match(stdout, /^Not proved: /m);
});

test('a changed bundle is shown as not intact, with the place, and exits 1', async () => {
  const changed = join(folder, 'changed.json');
  await writeFile(changed, (await readFile(bundle, 'utf8')).replace('"actor": "mara"', '"actor": "nora"'));

  const { status, stdout } = verify(changed, '--trust', trust);
  const asJson = verify(changed, '--trust', trust, '--json');

  assert.equal(status, 1);
  assert.match(stdout, /^Run golden-1: NOT INTACT/m);
  assert.equal(asJson.status, 1);
  assert.equal(JSON.parse(asJson.stdout).intact, false);
});

test('without a trust file nothing is decided: the signer is named, exit 3', () => {
  const { status, stdout, stderr } = verify(bundle);

  assert.equal(status, 3);
  assert.match(stdout, /NOT DECIDED/);
  assert.match(stdout, /signer +sha256:[0-9a-f]{64}/);
  assert.match(stderr, /--trust/);
});

test('evidence of an anchor is judged beside the bundle; what is no evidence exits 3', async () => {
  const words = [
    here('bundle-anchored.golden.json'),
    '--trust',
    here('trust-anchored.golden.json'),
    '--anchor-evidence',
  ];
  const noEvidence = join(folder, 'evidence.json');
  await writeFile(noEvidence, '{"format":"agora/anchor-evidence/v1"}');

  const { status, stdout } = verify(...words, here('evidence-anchored.golden.json'));
  const refused = verify(...words, noEvidence);

  assert.equal(status, 0);
  // What the lock is worth depends on the day this runs.
  assert.match(stdout, /^ {2}anchor {5}s3:golden: held, /m);
  assert.equal(refused.status, 3);
  assert.match(refused.stderr, /Cannot use anchor evidence .*origin|Cannot use anchor evidence .*is missing/);
});

test('what cannot be read exits 3, wrong usage exits 2', async () => {
  const noTrust = join(folder, 'trust.json');
  await writeFile(noTrust, '{}');

  assert.equal(verify(join(folder, 'nowhere.json')).status, 3);
  assert.equal(verify(bundle, '--trust', noTrust).status, 3);
  assert.equal(verify().status, 2);
  assert.equal(verify(bundle, bundle).status, 2);
  assert.equal(verify(bundle, '--anchor', 'x').status, 2);
  assert.equal(verify('--help').status, 0);
});

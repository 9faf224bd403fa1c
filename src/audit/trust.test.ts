import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { aSigner, origin, trustIn } from './sample-run.suite.ts';
import { readTrustFile, trustSigner, writeTrustFile } from './trust.ts';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'agora-trust-'));
  file = join(folder, '.agora', 'trust.json');
});

afterEach(() => rm(folder, { recursive: true, force: true }));

test('a trust file is read as it was written, and its absence is no error', async () => {
  const trust = await trustIn(aSigner());
  assert.equal(await readTrustFile(file), undefined);

  await writeTrustFile(file, trust);

  assert.deepEqual(await readTrustFile(file), trust);
});

test('trusting a signer adds what is missing and keeps what is there', async () => {
  const [first, second] = [aSigner(), aSigner()];
  const otherOrigin = `agora/${'6b'.repeat(16)}`;

  await trustSigner(file, origin, first);
  const { mtimeMs } = await stat(file);
  const again = await trustSigner(file, origin, first);
  assert.equal((await stat(file)).mtimeMs, mtimeMs);
  const both = await trustSigner(file, otherOrigin, second);

  assert.deepEqual([again.origins, again.keys.length], [[origin], 1]);
  assert.deepEqual(both.origins, [origin, otherOrigin]);
  assert.deepEqual(
    both.keys.map(({ keyId }) => keyId),
    [await first.keyId(), await second.keyId()],
  );
  assert.deepEqual(await readTrustFile(file), both);
});

test('a trust file that is damaged, or names a key by another id, is refused by name', async () => {
  const trust = await trustIn(aSigner());
  const [key] = trust.keys;
  const wrong = [
    '',
    JSON.stringify({ ...trust, format: 'agora/trust/v2' }),
    JSON.stringify({ ...trust, keys: [{ ...key, keyId: `sha256:${'0'.repeat(64)}` }] }),
    JSON.stringify({ ...trust, keys: [key, key] }),
    JSON.stringify({ ...trust, keys: [{ ...key, publicKeyPem: 'no key' }] }),
    JSON.stringify({ ...trust, more: true }),
  ];
  await writeTrustFile(file, trust);

  for (const content of wrong) {
    await writeFile(file, content);
    await assert.rejects(readTrustFile(file), (error: unknown) => {
      assert.ok(isAppError(error, 'no-trust'), String(error));
      return error.message.includes('trust.json');
    });
  }
});

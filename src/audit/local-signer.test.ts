import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createPublicKey, verify } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, test } from 'node:test';
import { digestOf } from '../base/hash.ts';
import { isAppError } from '../contracts/errors.ts';
import { createLocalSigner } from './local-signer.ts';

let folder: string;
let keyFile: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'agora-signer-'));
  keyFile = join(folder, 'keys', 'seal.pem');
});

afterEach(() => rm(folder, { recursive: true, force: true }));

test('constructing makes nothing; first use makes a key only its owner can read, and it stays', async () => {
  const signer = createLocalSigner({ keyFile });
  assert.deepEqual(await readdir(folder), []);

  const keyId = await signer.keyId();

  assert.equal((await stat(keyFile)).mode & 0o777, 0o600);
  assert.equal((await stat(dirname(keyFile))).mode & 0o777, 0o700);
  assert.deepEqual(await readdir(dirname(keyFile)), ['seal.pem']);
  assert.equal(await createLocalSigner({ keyFile }).keyId(), keyId);
});

test('the key id is the digest of the public key, and signatures verify with it', async () => {
  const signer = createLocalSigner({ keyFile });
  const publicKey = createPublicKey(await signer.publicKeyPem());

  const signature = await signer.sign(Buffer.from('bytes'));

  assert.equal(await signer.keyId(), digestOf(publicKey.export({ type: 'spki', format: 'der' })));
  assert.equal(verify(null, Buffer.from('bytes'), publicKey, signature), true);
});

test('processes that race to make the key all end up with the same one', async () => {
  const module = new URL('local-signer.ts', import.meta.url).href;
  const script = `
    const { createLocalSigner } = await import(${JSON.stringify(module)});
    process.stdout.write(await createLocalSigner({ keyFile: process.argv[1] }).keyId());`;
  const racers = Array.from({ length: 4 }, async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, keyFile], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    assert.equal(code, 0);
    return output;
  });

  const keyIds = new Set(await Promise.all(racers));

  assert.deepEqual([...keyIds], [await createLocalSigner({ keyFile }).keyId()]);
  assert.deepEqual(await readdir(dirname(keyFile)), ['seal.pem']);
});

test('a key file others may read is refused with the way out, and works once that is taken', async () => {
  const keyId = await createLocalSigner({ keyFile }).keyId();
  await chmod(keyFile, 0o640);
  const signer = createLocalSigner({ keyFile });

  await assert.rejects(signer.keyId(), (error: unknown) => {
    assert.ok(isAppError(error, 'state-corrupt'));
    assert.match(error.message, /seal\.pem/);
    assert.match(error.next ?? '', /chmod 600/);
    return true;
  });

  await chmod(keyFile, 0o600);
  assert.equal(await signer.keyId(), keyId);
});

test('a key file that holds no key is refused by name, not replaced', async () => {
  await createLocalSigner({ keyFile }).keyId();
  await writeFile(keyFile, 'not a key');

  await assert.rejects(createLocalSigner({ keyFile }).keyId(), (error: unknown) => isAppError(error, 'state-corrupt'));

  assert.equal(await readFile(keyFile, 'utf8'), 'not a key');
});

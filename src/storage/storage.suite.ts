import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { type Digest, digestSchema } from '../contracts/ids.ts';
import type { NamePath, Storage } from './storage.ts';

/** What every storage must do. `open` gives one that shares its content with each other one it gave. */
export function storageSuite(adapter: string, open: () => Storage): void {
  const namePath = (name: string, namespace = 'default'): NamePath => ({ namespace, type: 'subagent', name });

  test(`${adapter}: a blob is read back whole through another instance`, async () => {
    const content = randomBytes(1_500_000);

    const stored = await open().putBlob(chunksOf(content, 64 * 1024), { expected: digestOf(content) });

    assert.deepEqual(stored, { digest: digestOf(content), sizeBytes: content.length });
    assert.deepEqual(await open().statBlob(stored.digest), stored);
    assert.deepEqual(await buffer(open().getBlob(stored.digest)), content);
  });

  test(`${adapter}: a large blob that comes in chunks is read back whole`, async () => {
    const content = randomBytes(20_000_000);

    const stored = await open().putBlob(chunksOf(content, 100_000));

    assert.deepEqual(stored, { digest: digestOf(content), sizeBytes: content.length });
    assert.equal(digestOf(await buffer(open().getBlob(stored.digest))), stored.digest);
  });

  test(`${adapter}: of several that make the same name one is told so, and its text is there`, async () => {
    const path = namePath('made-once');

    const made = await Promise.all(['a', 'b', 'c', 'd'].map((text) => open().createName(path, text)));

    assert.equal(made.filter(Boolean).length, 1);
    assert.equal(await open().getName(path), ['a', 'b', 'c', 'd'][made.indexOf(true)]);
    assert.equal(await open().createName(path, 'e'), false);
  });

  test(`${adapter}: an empty blob is a blob`, async () => {
    const { digest } = await open().putBlob(new Uint8Array());

    assert.equal((await buffer(open().getBlob(digest))).length, 0);
  });

  test(`${adapter}: the same blob put many times at once is one blob`, async () => {
    const content = randomBytes(100_000);

    const stored = await Promise.all(Array.from({ length: 8 }, () => open().putBlob(content)));

    assert.equal(new Set(stored.map((blob) => blob.digest)).size, 1);
    assert.deepEqual(await buffer(open().getBlob(digestOf(content))), content);
  });

  test(`${adapter}: bytes other than the expected ones are refused and not kept`, async () => {
    const content = randomBytes(10);

    await assert.rejects(
      open().putBlob(content, { expected: digestOf(randomBytes(10)) }),
      hasCode('artifact-mismatch'),
    );

    assert.equal(await open().statBlob(digestOf(content)), undefined);
  });

  test(`${adapter}: content over its limit is refused and not kept`, async () => {
    const content = randomBytes(1001);

    await assert.rejects(open().putBlob(chunksOf(content, 100), { maxBytes: 1000 }), hasCode('limit-exceeded'));

    assert.equal(await open().statBlob(digestOf(content)), undefined);
    assert.equal((await open().putBlob(content, { maxBytes: 1001 })).sizeBytes, 1001);
  });

  test(`${adapter}: a source that fails leaves nothing`, async () => {
    const content = randomBytes(100);
    async function* failing() {
      yield content;
      throw new Error('connection lost');
    }

    await assert.rejects(open().putBlob(failing()), /connection lost/);

    assert.equal(await open().statBlob(digestOf(content)), undefined);
  });

  test(`${adapter}: a blob that is not there is not found`, async () => {
    await assert.rejects(buffer(open().getBlob(digestOf(randomBytes(9)))), hasCode('not-found'));
  });

  test(`${adapter}: a digest that is none is refused`, async () => {
    const hostile = `sha256:${'../'.repeat(21)}x` as Digest;

    await assert.rejects(buffer(open().getBlob(hostile)), hasCode('invalid-input'));
    await assert.rejects(open().statBlob(hostile), hasCode('invalid-input'));
  });

  test(`${adapter}: a name holds the text put last`, async () => {
    await open().putName(namePath('edit'), 'first');
    await open().putName(namePath('edit'), 'second, ü');

    assert.equal(await open().getName(namePath('edit')), 'second, ü');
    assert.equal(await open().getName(namePath('other')), undefined);
  });

  test(`${adapter}: names are listed sorted, of one type and one namespace`, async () => {
    for (const name of ['b', 'a.json', 'C']) await open().putName(namePath(name, 'listing'), name);
    await open().putName(namePath('elsewhere', 'other'), 'x');
    await open().putName({ namespace: 'listing', type: 'env', name: 'x' }, 'x');

    assert.deepEqual(await open().listNames('listing', 'subagent'), ['C', 'a.json', 'b']);
    assert.deepEqual(await open().listNames('empty', 'subagent'), []);
  });

  test(`${adapter}: a reader during writes of a name sees one of the texts`, async () => {
    const texts = ['a'.repeat(50_000), 'b'.repeat(60_000)];
    await open().putName(namePath('busy'), texts[0] ?? '');

    const writes = Array.from({ length: 20 }, (_, index) => open().putName(namePath('busy'), texts[index % 2] ?? ''));
    const reads = await Promise.all(Array.from({ length: 20 }, () => open().getName(namePath('busy'))));
    await Promise.all(writes);

    assert.equal(
      reads.every((text) => text !== undefined && texts.includes(text)),
      true,
    );
  });

  test(`${adapter}: names and namespaces that could leave their folder are refused`, async () => {
    for (const hostile of ['..', '../x', 'a/b', '', '.hidden', 'a\0b', 'a\\b', 'x'.repeat(129)]) {
      await assert.rejects(open().putName(namePath(hostile), 'x'), hasCode('invalid-input'));
      await assert.rejects(open().getName(namePath('a', hostile)), hasCode('invalid-input'));
      await assert.rejects(open().listNames(hostile, 'env'), hasCode('invalid-input'));
    }
  });
}

function hasCode(code: Parameters<typeof isAppError>[1]) {
  return (error: unknown) => isAppError(error, code);
}

function digestOf(content: Uint8Array): Digest {
  return digestSchema.parse(`sha256:${createHash('sha256').update(content).digest('hex')}`);
}

async function* chunksOf(content: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size);
}

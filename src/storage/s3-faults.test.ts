import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { DeleteObjectCommand, ListMultipartUploadsCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { type S3Fault, S3FaultProxy } from '../../test/support/s3-fault-proxy.ts';
import { s3Obstacle, startS3Server } from '../../test/support/s3-server.ts';
import { digestOf } from '../base/hash.ts';
import { isAppError } from '../contracts/errors.ts';
import { digestSchema } from '../contracts/ids.ts';
import { S3StorageProvider } from './s3.ts';

const skip = await s3Obstacle();
const server = skip === false ? await startS3Server({ after }) : undefined;

async function place(t: { after(end: () => Promise<unknown>): unknown }) {
  assert.ok(server);
  const proxy = await S3FaultProxy.start(t, server);
  const bucket = await server.makeBucket();
  const { region, accessKeyId, secretAccessKey } = server;
  const credentials = { accessKeyId, secretAccessKey };
  const storage = new S3StorageProvider({ bucket, region, credentials, endpoint: proxy.endpoint });
  return { server, proxy, bucket, storage };
}

function* chunksOf(content: Buffer): Generator<Buffer> {
  for (let from = 0; from < content.length; from += 65_536) yield content.subarray(from, from + 65_536);
}

const slowDown: S3Fault = { kind: 'error', status: 503, code: 'SlowDown' };
const failure: S3Fault = { kind: 'error', status: 500, code: 'InternalError' };
const isPut = ({ method }: { readonly method: string }) => method === 'PUT';
const isGet = ({ method }: { readonly method: string }) => method === 'GET';
const name = { namespace: 'default', type: 'subagent', name: 'edit' } as const;

for (const [what, faults] of Object.entries({
  'a service that is overloaded': [slowDown, failure, slowDown],
  'requests that are cut': [
    { kind: 'cut', what: 'request' },
    { kind: 'cut', what: 'request' },
  ],
  'bytes that are changed on the way': [
    { kind: 'flipped', what: 'request' },
    { kind: 'flipped', what: 'request' },
  ],
  'answers that are late': [{ kind: 'late', ms: 300 }],
} satisfies Record<string, S3Fault[]>)) {
  for (const sizeBytes of [1_000, 20_000_000]) {
    test(`${what}: a blob of ${sizeBytes} bytes is stored as it is`, { skip }, async (t) => {
      const { proxy, storage } = await place(t);
      const content = randomBytes(sizeBytes);
      proxy.next(faults, isPut);

      // As it comes from a worker: what is large goes through a file.
      const { digest } = await storage.putBlob(Readable.from(chunksOf(content)));

      assert.deepEqual(await buffer(storage.getBlob(digest)), content);
      assert.equal(digest, digestOf(content));
    });
  }

  test(`${what}: a name is stored as it is`, { skip }, async (t) => {
    const { proxy, storage } = await place(t);
    proxy.next(faults, isPut);

    await storage.putName(name, '{"a":1}');

    assert.equal(await storage.getName(name), '{"a":1}');
  });
}

for (const [what, faults] of Object.entries({
  'failures at first': [failure, slowDown],
  'answers that end early': [
    { kind: 'cut', what: 'answer' },
    { kind: 'cut', what: 'answer' },
  ],
} satisfies Record<string, S3Fault[]>)) {
  test(`${what}: blobs and names are read whole`, { skip }, async (t) => {
    const { proxy, storage } = await place(t);
    const content = randomBytes(5_000_000);
    const { digest } = await storage.putBlob(content);
    await storage.putName(name, '{}');

    proxy.next(faults, isGet);
    assert.deepEqual(await buffer(storage.getBlob(digest)), content);
    proxy.next(faults, isGet);
    assert.equal(await storage.getName(name), '{}');
    proxy.next(faults, isGet);
    assert.deepEqual(await storage.listNames('default', 'subagent'), ['edit']);
  });
}

test('bytes changed on the way back: what is small is read again, a large blob is told to be tried again', {
  skip,
}, async (t) => {
  const { proxy, storage } = await place(t);
  const flipped: S3Fault = { kind: 'flipped', what: 'answer' };
  const [small, large] = [randomBytes(1_000), randomBytes(3_000_000)];
  const stored = [await storage.putBlob(small), await storage.putBlob(large)] as const;
  await storage.putName(name, '{"a":"some text"}');

  proxy.next([flipped], isGet);
  assert.deepEqual(await buffer(storage.getBlob(stored[0].digest)), small);
  proxy.next([flipped], isGet);
  assert.equal(await storage.getName(name), '{"a":"some text"}');
  proxy.next([flipped], isGet);
  await assert.rejects(buffer(storage.getBlob(stored[1].digest)), (error) => isAppError(error, 'unreachable'));
  assert.deepEqual(await buffer(storage.getBlob(stored[1].digest)), large);
});

test('an upload that fails leaves neither a blob nor parts', { skip }, async (t) => {
  const { server, proxy, bucket, storage } = await place(t);
  const content = randomBytes(20_000_000);
  proxy.decide = ({ path }) => (path.includes('partNumber=2') ? failure : undefined);

  await assert.rejects(storage.putBlob(content), (error) => isAppError(error, 'unreachable'));

  assert.equal(await storage.statBlob(digestSchema.parse(digestOf(content))), undefined);
  const { Uploads } = await server.client().send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  assert.deepEqual(Uploads ?? [], []);
});

test('a blob that was replaced is refused, and a put repairs it; one that was removed is not found', {
  skip,
}, async (t) => {
  const { server, bucket, storage } = await place(t);
  const content = randomBytes(300_000);
  const { digest } = await storage.putBlob(content);
  const hex = digest.slice('sha256:'.length);
  const object = { Bucket: bucket, Key: `blobs/sha256/${hex.slice(0, 2)}/${hex}` };
  await server.client().send(new PutObjectCommand({ ...object, Body: randomBytes(300_000) }));

  await assert.rejects(buffer(storage.getBlob(digest)), (error) => isAppError(error, 'artifact-mismatch'));
  await storage.putBlob(content);
  assert.deepEqual(await buffer(storage.getBlob(digest)), content);

  await server.client().send(new DeleteObjectCommand(object));
  await assert.rejects(buffer(storage.getBlob(digest)), (error) => isAppError(error, 'not-found'));
});

test('a blob that is there is not sent again', { skip }, async (t) => {
  const { proxy, storage } = await place(t);
  for (const content of [randomBytes(1_000), randomBytes(20_000_000)]) {
    await storage.putBlob(content);
    proxy.asked.length = 0;

    await storage.putBlob(content);

    assert.deepEqual(
      proxy.asked.map(({ method }) => method),
      ['HEAD'],
    );
  }
});

test('a service that says nothing is asked again after a while', { skip }, async (t) => {
  const { proxy, storage } = await place(t);
  proxy.next([{ kind: 'silence' }]);

  await storage.putName(name, '{}');

  assert.equal(proxy.asked.length, 2);
});

test('a service that is away is unreachable within seconds, and asked again it answers', { skip }, async (t) => {
  const { proxy, storage } = await place(t);
  await proxy.down();

  const startedAt = performance.now();
  await assert.rejects(
    storage.getName(name),
    (error) => isAppError(error, 'unreachable') && error.message.includes(proxy.endpoint),
  );
  assert.ok(performance.now() - startedAt < 10_000);

  await proxy.up();
  assert.equal(await storage.getName(name), undefined);
});

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { S3FaultProxy } from '../../test/support/s3-fault-proxy.ts';
import { type S3Server, s3Obstacle, startS3rver, startS3Server } from '../../test/support/s3-server.ts';
import { mailboxSuite } from './mailbox.suite.ts';
import { S3Mailbox } from './s3.ts';

const pollSeconds = 0.2;

// Before the first test: what ends a file of tests may come once those that are known have run.
const ceph = (await s3Obstacle()) === false ? await startS3Server({ after }) : undefined;
const s3rver = await startS3rver({ after });
const bucket = await s3rver.makeBucket();
const cephBucket = await ceph?.makeBucket();
const client = s3rver.client();
mailboxSuite('s3rver mailbox', (name) => new S3Mailbox({ bucket, prefix: `of/${name}`, client, pollSeconds }), {
  tearsReads: 's3rver writes into the object that is read',
});

function aMailbox(options: { readonly pollSeconds?: number } = {}): S3Mailbox {
  return new S3Mailbox({ bucket, prefix: `one/${randomBytes(6).toString('hex')}`, client, ...options });
}

if (ceph !== undefined && cephBucket !== undefined) {
  const ofCeph = { bucket: cephBucket, pollSeconds };
  const cephClient = ceph.client();
  mailboxSuite('Ceph mailbox', (name) => new S3Mailbox({ ...ofCeph, client: cephClient, prefix: `of/${name}` }));

  test('lists longer than one answer of the service are whole', async () => {
    const { client: counting, asked } = countingClient(ceph, 2);
    const mailbox = new S3Mailbox({ ...ofCeph, client: counting, prefix: 'paged' });
    const keys = ['a/1', 'a/2', 'a/b/3', 'a/c/4', 'a/d/5'];
    for (const key of keys) await mailbox.put(key, 'x');
    asked.length = 0;

    assert.deepEqual(await mailbox.list('a/'), keys);
    assert.deepEqual(await mailbox.list('a/', { after: 'a/2' }), keys.slice(2));
    assert.equal(asked.length, 5);
    assert.deepEqual(await mailbox.folders('a/'), ['b', 'c', 'd']);
  });
}

/** A client that gets `perPage` keys with each answer, and counts what it asks. */
function countingClient(server: S3Server, perPage: number): { readonly client: S3Client; readonly asked: string[] } {
  const counting = server.client();
  const asked: string[] = [];
  counting.middlewareStack.add(
    (next, { commandName = '' }) =>
      (args) => {
        asked.push(commandName);
        const isList = commandName === 'ListObjectsV2Command';
        return next(isList ? { ...args, input: { ...args.input, MaxKeys: perPage } } : args);
      },
    { step: 'initialize' },
  );
  return { client: counting, asked };
}

test('what else lies in the bucket is no message', async () => {
  const prefix = `shared/${randomBytes(6).toString('hex')}`;
  const mailbox = new S3Mailbox({ bucket, prefix, client });
  await mailbox.put('a/b.json', 'x');
  for (const Key of [`${prefix}/a/no key`, `${prefix}/no folder/b`, `${prefix}-other/a/b`]) {
    await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'x' }));
  }

  assert.deepEqual(await mailbox.list(''), ['a/b.json']);
  assert.deepEqual(await mailbox.folders(''), ['a']);
});

test('a put here is told to watches here before any look', { timeout: 20_000 }, async () => {
  const mailbox = aMailbox({ pollSeconds: 3_600 });
  const stop = new AbortController();
  const changes = mailbox.watch('inbox/', stop.signal);
  await changes.next();

  const change = changes.next();
  await mailbox.put('inbox/a.json', 'x');

  assert.equal((await change).done, false);
  stop.abort();
  assert.equal((await changes.next()).done, true);
});

test('options and keys it cannot work with are refused', async () => {
  for (const seconds of [0, -1, Number.NaN, 3_601]) {
    assert.throws(() => aMailbox({ pollSeconds: seconds }), { code: 'invalid-input', message: /pollSeconds/ });
  }
  const long = Array.from({ length: 10 }, () => 'x'.repeat(120)).join('/');
  await assert.rejects(aMailbox().get(long), { code: 'invalid-input', message: /over 1024/ });
});

test('a bucket that is not there is told as such, with what to do', async () => {
  const mailbox = new S3Mailbox({ bucket: 'no-such-bucket', client });

  for (const ask of [() => mailbox.get('a'), () => mailbox.put('a', 'x'), () => mailbox.list('')]) {
    await assert.rejects(ask, { code: 'not-found', message: /there is no such bucket/, next: /create-bucket/ });
  }
});

test('who is not let in is told so in a way that is no answer', { skip: ceph === undefined }, async () => {
  assert.ok(ceph);
  const credentials = { accessKeyId: ceph.accessKeyId, secretAccessKey: 'not-the-secret' };
  const { endpoint, region } = ceph;
  const mailbox = new S3Mailbox({ bucket: await ceph.makeBucket(), endpoint, region, credentials });

  await assert.rejects(mailbox.get('a'), { code: 'unauthenticated', message: /the secret key does not/, next: /AWS_/ });
});

for (const what of ['cut', 'flipped'] as const) {
  test(`a message whose answer is ${what} is read whole`, { skip: ceph === undefined }, async (t) => {
    assert.ok(ceph);
    const proxy = await S3FaultProxy.start(t, ceph);
    const { accessKeyId, secretAccessKey, region } = ceph;
    const credentials = { accessKeyId, secretAccessKey };
    const mailbox = new S3Mailbox({ bucket: await ceph.makeBucket(), endpoint: proxy.endpoint, region, credentials });
    const text = 'x'.repeat(100_000);
    await mailbox.put('a', text);
    proxy.next([1, 2].map(() => ({ kind: what, what: 'answer' })));

    assert.equal((await mailbox.get('a')) === text, true);
  });
}

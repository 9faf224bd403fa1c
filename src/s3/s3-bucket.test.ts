import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type AppError, isAppError } from '../contracts/errors.ts';
import { S3Bucket, s3Sdk } from './s3-bucket.ts';

/** One answer for each question, the last again and again; without a status none comes. */
interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

const credentials = { accessKeyId: 'someone', secretAccessKey: 'hush' };

async function bucketOf(t: TestContext, answers: readonly Answer[]) {
  const asked: string[] = [];
  const server = createServer((question, answer) => {
    const { status, headers = {}, body } = answers[Math.min(asked.length, answers.length - 1)] ?? {};
    asked.push(question.method ?? '');
    if (status !== undefined) answer.writeHead(status, headers).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { asked, bucket: new S3Bucket({ bucket: 'some-bucket', endpoint, region: 'us-east-1', credentials }) };
}

function told(code: AppError['code'], says: RegExp) {
  return (error: unknown) => {
    assert.ok(isAppError(error, code), String(error));
    assert.match(`${error.message}; ${error.next}`, says);
    return true;
  };
}

const xml = (text: string) => `<?xml version="1.0" encoding="UTF-8"?>${text}`;
const damagedDate = { status: 200, headers: { etag: '"a"', 'last-modified': 'the day before yesterday' } };
const damagedPage = {
  status: 200,
  body: xml(
    '<ListBucketResult><Name>some-bucket</Name><Contents><Key>a</Key><LastModified>soon</LastModified></Contents></ListBucketResult>',
  ),
};

test('a damaged answer is no mistake of ours: it is asked for again', async (t) => {
  const good = { status: 200, headers: { etag: '"a"', 'content-length': '0' } };
  const head = await bucketOf(t, [damagedDate, good]);
  const list = await bucketOf(t, [damagedPage]);

  assert.equal((await head.bucket.head('look for x', { Key: 'x' }))?.ETag, '"a"');
  await assert.rejects(list.bucket.list('list', {}), told('unreachable', /does not answer as it should/));
  assert.equal(list.asked.length, 4);
});

test('what answers like no S3 says neither that something is there nor that nothing is', async (t) => {
  const page = { status: 200, headers: { 'content-type': 'text/html' }, body: '<html><body>Sign in</body></html>' };
  for (const answer of [page, { status: 200 }]) {
    const { bucket } = await bucketOf(t, [answer]);

    await assert.rejects(bucket.list('list', {}), told('unreachable', /what answers is not S3.*proxy/));
    await assert.rejects(bucket.head('look for x', { Key: 'x' }), told('unreachable', /what answers is not S3/));
  }
});

test('a bucket in another region is told, with the region where that is known', async (t) => {
  const cases = [
    [{ status: 301, headers: { 'x-amz-bucket-region': 'eu-central-1' } }, /in region "eu-central-1"; .*AWS_REGION/],
    [{ status: 301 }, /in another region/],
    [{ status: 307 }, /in another region/],
    [{ status: 301, headers: { 'x-amz-bucket-region': 'no "region"' } }, /in another region/],
  ] as const;
  for (const [answer, says] of cases) {
    const { bucket, asked } = await bucketOf(t, [answer]);

    await assert.rejects(bucket.head('look for x', { Key: 'x' }), told('refused', says));
    assert.equal(asked.length, 1);
  }
  const malformed = xml('<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-central-1</Region></Error>');
  const { bucket } = await bucketOf(t, [{ status: 400, body: malformed }]);
  await assert.rejects(bucket.list('list', {}), told('refused', /in region "eu-central-1"/));
});

test('a time that is over says so, with what went wrong before', async (t) => {
  const digest = { status: 400, body: xml('<Error><Code>BadDigest</Code></Error>') };
  const { bucket } = await bucketOf(t, [digest, {}]);
  const { ListObjectsV2Command } = await s3Sdk();

  const asking = bucket.ask(
    'list',
    (client, options) => client.send(new ListObjectsV2Command({ Bucket: bucket.name }), options),
    { timeoutMs: 1_000 },
  );

  await assert.rejects(asking, (error) => {
    assert.ok(isAppError(error, 'unreachable'));
    assert.match(error.message, /no answer within 1 s$/);
    assert.ok(error.cause instanceof Error && error.cause.name === 'BadDigest');
    return true;
  });
});

test('an endpoint that holds a password, or is none, is refused and not quoted', () => {
  for (const endpoint of ['http://me:hunter2@host', 'https://host/?key=hunter2', 'https://host/#hunter2', 'hunter2']) {
    assert.throws(
      () => new S3Bucket({ bucket: 'some-bucket', endpoint }),
      (error) => isAppError(error, 'invalid-input') && !/hunter2/.test(`${error.message} ${error.next}`),
    );
  }
});

test('a client that could not be made is made when it is asked for again', async () => {
  const regions = ['', 'us-east-1'];
  const bucket = new S3Bucket({
    bucket: 'some-bucket',
    credentials,
    get region() {
      return regions.shift() ?? 'us-east-1';
    },
  });

  await assert.rejects(bucket.client());
  (await bucket.client()).destroy();
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectLockConfigurationCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { s3Obstacle, startS3rver, startS3Server } from './s3-server.ts';

const skip = await s3Obstacle();
const Key = 'a';

test('a real S3 holds what is locked', { skip }, async (t) => {
  const server = await startS3Server(t);
  const Bucket = await server.makeBucket({ hasLock: true });
  const client = server.client();
  const lock = { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: new Date(Date.now() + 3_600_000) } as const;
  const { VersionId } = await client.send(new PutObjectCommand({ Bucket, Key, Body: 'kept', ...lock }));

  await assert.rejects(client.send(new DeleteObjectCommand({ Bucket, Key, VersionId })), { name: 'AccessDenied' });
  const other = server.client(await server.addUser());
  await assert.rejects(other.send(new GetObjectCommand({ Bucket, Key })), { name: 'AccessDenied' });
});

test('several start at once', { skip }, async (t) => {
  const servers = await Promise.all([startS3Server(t), startS3Server(t)]);

  assert.equal(new Set(await Promise.all(servers.map((server) => server.makeBucket()))).size, 2);
});

test('the negative peer forgets locks', async (t) => {
  const server = await startS3rver(t);
  const Bucket = await server.makeBucket({ hasLock: true });
  const client = server.client();
  await client.send(new PutObjectCommand({ Bucket, Key, Body: 'not kept', ObjectLockMode: 'COMPLIANCE' }));

  await assert.rejects(client.send(new GetObjectLockConfigurationCommand({ Bucket })));
  await client.send(new DeleteObjectCommand({ Bucket, Key }));
  await assert.rejects(client.send(new GetObjectCommand({ Bucket, Key })), { name: 'NoSuchKey' });
});

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { PutBucketPolicyCommand } from '@aws-sdk/client-s3';
import { s3Obstacle, startS3Server } from '../../test/support/s3-server.ts';
import { repositoryRoot } from '../../test/support/source-files.ts';
import { isAppError } from '../contracts/errors.ts';
import { S3StorageProvider } from './s3.ts';

const name = { namespace: 'default', type: 'subagent', name: 'edit' } as const;

/** The policy that the how-to shows, of this bucket and for this person. */
function shownPolicy(bucket: string, principal: string): string {
  const page = readFileSync(join(repositoryRoot, 'docs/how-to/self-hosted-s3.md'), 'utf8');
  const [, text = ''] = /```json\n([\s\S]*?)```/.exec(page) ?? [];
  const policy: { Statement: object[] } = JSON.parse(text.replaceAll('agora-data', bucket));
  const Principal = { AWS: [principal] };
  return JSON.stringify({ ...policy, Statement: policy.Statement.map((statement) => ({ ...statement, Principal })) });
}

test('who may do what the how-to lists can do everything, and who may not is told so', {
  skip: await s3Obstacle(),
}, async (t) => {
  const server = await startS3Server(t);
  const bucket = await server.makeBucket();
  const user = await server.addUser();
  const storage = new S3StorageProvider({ bucket, client: server.client(user) });
  const content = randomBytes(20_000_000);
  await assert.rejects(
    storage.putBlob(content),
    (error) => isAppError(error, 'refused') && /denied/.test(error.message),
  );

  const Policy = shownPolicy(bucket, user.arn);
  await server.client().send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));

  const { digest } = await storage.putBlob(content);
  assert.deepEqual(await buffer(storage.getBlob(digest)), content);
  assert.equal(await storage.createName(name, '{}'), true);
  await storage.putName(name, '{"a":1}');
  assert.deepEqual(await storage.listNames('default', 'subagent'), ['edit']);
  await storage.removeName(name);
  assert.equal(await storage.getName(name), undefined);
});

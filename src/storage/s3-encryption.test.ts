import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { startS3rver } from '../../test/support/s3-server.ts';
import type { S3Encryption } from '../s3/s3-options.ts';
import { S3StorageProvider } from './s3.ts';
import { partBytes } from './s3-spool.ts';

const name = { namespace: 'default', type: 'subagent', name: 'edit' } as const;
/** What begins an object takes the encryption; its parts do not. */
const beginning = ['PutObjectCommand', 'CreateMultipartUploadCommand'];
const algorithmHeader = 'x-amz-server-side-encryption';
const keyHeader = 'x-amz-server-side-encryption-aws-kms-key-id';

const cases: readonly { encryption?: S3Encryption; sent: readonly (string | undefined)[] }[] = [
  { sent: [undefined, undefined] },
  { encryption: { algorithm: 'AES256' }, sent: ['AES256', undefined] },
  { encryption: { algorithm: 'aws:kms' }, sent: ['aws:kms', undefined] },
  { encryption: { algorithm: 'aws:kms', kmsKeyId: 'a-key' }, sent: ['aws:kms', 'a-key'] },
];

for (const { encryption, sent } of cases) {
  test(`every object asks for encryption: ${JSON.stringify(encryption ?? 'as the bucket does')}`, async (t) => {
    const server = await startS3rver(t);
    const bucket = await server.makeBucket();
    const client = server.client();
    t.after(() => client.destroy());
    const asked: (readonly (string | undefined)[])[] = [];
    client.middlewareStack.add(
      (next, { commandName = '' }) =>
        (args) => {
          const { headers } = args.request as { headers: Readonly<Record<string, string>> };
          if (beginning.includes(commandName)) asked.push([commandName, headers[algorithmHeader], headers[keyHeader]]);
          return next(args);
        },
      { step: 'finalizeRequest' },
    );
    const storage = new S3StorageProvider({ bucket, client, ...(encryption && { encryption }) });

    await storage.putBlob(randomBytes(10));
    await storage.putBlob(Readable.from([randomBytes(partBytes), randomBytes(10)]));
    await storage.putName(name, '{}');
    await storage.createName({ ...name, name: 'made' }, '{}');

    const [blob, largeBlob, put, claim, made] = [
      'PutObjectCommand',
      'CreateMultipartUploadCommand',
      'PutObjectCommand',
      'PutObjectCommand',
      'PutObjectCommand',
    ].map((command) => [command, ...sent]);
    assert.deepEqual(asked, [blob, largeBlob, put, claim, made]);
  });
}

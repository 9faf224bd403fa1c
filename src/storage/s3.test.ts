import { after } from 'node:test';
import { s3Obstacle, startS3rver, startS3Server } from '../../test/support/s3-server.ts';
import { S3StorageProvider } from './s3.ts';
import { storageSuite } from './storage.suite.ts';

const plain = await startS3rver({ after });
const plainBucket = await plain.makeBucket();
storageSuite(
  'S3 that heeds no condition',
  () => new S3StorageProvider({ bucket: plainBucket, prefix: 'suite', client: plain.client() }),
);

if ((await s3Obstacle()) === false) {
  const server = await startS3Server({ after });
  for (const hasLock of [false, true]) {
    const bucket = await server.makeBucket({ hasLock });
    storageSuite(
      `Ceph, ${hasLock ? 'with' : 'without'} versions`,
      () => new S3StorageProvider({ bucket, client: server.client() }),
    );
  }
}

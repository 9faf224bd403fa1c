import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { leftToNpmTest } from '../../test/support/quick-tests.ts';
import { S3FaultProxy } from '../../test/support/s3-fault-proxy.ts';
import { type S3Server, s3Obstacle, startS3rver, startS3Server } from '../../test/support/s3-server.ts';
import { waitUntil } from '../base/deadline.ts';
import { S3StorageProvider } from './s3.ts';

const servers: Record<string, () => Promise<{ server: S3Server; bucket: string }>> = {
  'a service without conditions': async () => {
    const server = await startS3rver({ after });
    return { server, bucket: await server.makeBucket() };
  },
};
if ((await s3Obstacle()) === false) {
  const server = await startS3Server({ after });
  for (const hasLock of [false, true])
    servers[`Ceph ${hasLock ? 'with' : 'without'} versions`] = async () => ({
      server,
      bucket: await server.makeBucket({ hasLock }),
    });
}

const namePath = (name: string) => ({ namespace: 'default', type: 'deployment', name }) as const;

for (const [what, open] of Object.entries(servers)) {
  test(`${what}: of many that make and remove a name, one has it at any time`, { skip: leftToNpmTest }, async () => {
    const { server, bucket } = await open();
    const path = namePath('turn');
    let holder: string | undefined;
    let turns = 0;
    const takeTurns = async () => {
      const storage = new S3StorageProvider({ bucket, client: server.client() });
      const own = randomUUID();
      for (let tries = 0; tries < 12; tries++) {
        if (!(await storage.createName(path, own))) continue;
        assert.equal(holder, undefined);
        holder = own;
        turns++;
        assert.equal(await storage.getName(path), own);
        holder = undefined;
        await storage.removeName(path);
      }
    };

    await Promise.all(Array.from({ length: 5 }, takeTurns));

    assert.ok(turns >= 5, `only ${turns} turns`);
    const { Contents } = await server.client().send(new ListObjectsV2Command({ Bucket: bucket }));
    assert.deepEqual(Contents ?? [], []);
  });

  test(`${what}: a name whose answer was lost was made all the same`, async (t) => {
    const { server, bucket } = await open();
    const { proxy, storage } = await proxied(t, server, bucket);
    proxy.next([{ kind: 'cut', what: 'answer' }], ({ method, path }) => method === 'PUT' && path.includes('/id.json'));

    assert.equal(await storage.createName(namePath('id'), 'mine'), true);
    assert.equal(await storage.createName(namePath('id'), 'other'), false);
    assert.equal(await storage.getName(namePath('id')), 'mine');
  });
}

test('a claim keeps others away, and is removed once nobody can be about to use it', async (t) => {
  const server = await startS3rver(t);
  const bucket = await server.makeBucket();
  const { proxy, storage } = await proxied(t, server, bucket);
  const folder = join('names', 'default', 'deployment', 'id.claims');
  const claim = { Bucket: bucket, Key: `${folder}/0` };
  await server.client().send(new PutObjectCommand({ ...claim, Body: Buffer.alloc(0) }));

  const making = storage.createName(namePath('id'), 'mine');
  await waitUntil('three withdrawn claims', () => proxy.asked.filter(({ method }) => method === 'DELETE').length >= 3);
  assert.equal(await storage.getName(namePath('id')), undefined);

  const threeMinutesAgo = Date.now() / 1000 - 180;
  await utimes(join(server.directory, bucket, folder, '0._S3rver_object'), threeMinutesAgo, threeMinutesAgo);
  assert.equal(await making, true);
  const { Contents } = await server.client().send(new ListObjectsV2Command({ Bucket: bucket }));
  assert.deepEqual(
    (Contents ?? []).map(({ Key }) => Key),
    ['names/default/deployment/id.json'],
  );
});

async function proxied(t: Parameters<typeof S3FaultProxy.start>[0], server: S3Server, bucket: string) {
  const proxy = await S3FaultProxy.start(t, server);
  const { region, accessKeyId, secretAccessKey } = server;
  const options = { bucket, region, credentials: { accessKeyId, secretAccessKey }, endpoint: proxy.endpoint };
  return { proxy, storage: new S3StorageProvider(options) };
}

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import {
  DeleteObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { leftToNpmTest } from '../../test/support/quick-tests.ts';
import { S3FaultProxy } from '../../test/support/s3-fault-proxy.ts';
import { type S3Server, s3Obstacle, startS3rver, startS3Server } from '../../test/support/s3-server.ts';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
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
    assert.deepEqual(await keysIn(server, bucket), []);
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
  assert.deepEqual(await keysIn(server, bucket), ['names/default/deployment/id.json']);
});

test('a claim is withdrawn when nobody can say whether it is the only one', async (t) => {
  const server = await startS3rver(t);
  const bucket = await server.makeBucket();
  const { proxy, storage } = await proxied(t, server, bucket);
  const isListing = ({ path }: { readonly path: string }) => path.includes('list-type=2');
  proxy.decide = (asked) => (isListing(asked) ? { kind: 'error', status: 403, code: 'AccessDenied' } : undefined);

  await assert.rejects(storage.createName(namePath('id'), 'mine'), (error) => {
    assert.ok(isAppError(error, 'refused'), String(error));
    return /look who else makes deployment "id"/.test(error.message);
  });

  assert.deepEqual(await keysIn(server, bucket), []);
});

test('a claim of which nobody says when it was written counts as fresh', async (t) => {
  const server = await startS3rver(t);
  const bucket = await server.makeBucket();
  const claim = { Bucket: bucket, Key: 'names/default/deployment/id.claims/0' };
  await server.client().send(new PutObjectCommand({ ...claim, Body: Buffer.alloc(0) }));
  let looks = 0;
  const storage = watched(t, server, {
    bucket,
    afterListing: async ({ Contents = [] }) => {
      looks++;
      for (const object of Contents) if (object.Key === claim.Key) delete object.LastModified;
    },
  });

  const making = storage.createName(namePath('id'), 'mine');
  await waitUntil('three looks', () => looks >= 3);
  assert.ok((await keysIn(server, bucket)).includes(claim.Key));

  await server.client().send(new DeleteObjectCommand(claim));
  assert.equal(await making, true);
});

test('a process that slept until its claim was taken for stale begins again', async (t) => {
  const server = await startS3rver(t);
  const bucket = await server.makeBucket();
  let sleptMs = 0;
  const now = Date.now;
  t.mock.method(Date, 'now', () => now() + sleptMs);
  const storage = watched(t, server, {
    bucket,
    afterListing: async (page) => {
      if (sleptMs > 0) return;
      sleptMs = 150_000;
      page.Contents = [];
    },
  });

  assert.equal(await storage.createName(namePath('id'), 'mine'), true);
});

test('a service that does not list what was written is told', async (t) => {
  const server = await startS3rver(t);
  const bucket = await server.makeBucket();
  const storage = watched(t, server, {
    bucket,
    afterListing: async (page) => {
      page.Contents = [];
    },
  });

  await assert.rejects(
    storage.createName(namePath('id'), 'mine'),
    (error) => isAppError(error, 'unreachable') && /what was written is not listed/.test(error.message),
  );
});

interface Watched {
  readonly bucket: string;
  readonly afterListing: (page: ListObjectsV2CommandOutput) => Promise<void>;
}

/** Shows what a service may list. */
function watched(t: TestContext, server: S3Server, { bucket, afterListing }: Watched) {
  const client = server.client();
  t.after(() => client.destroy());
  client.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        const answer = await next(args);
        if (commandName === 'ListObjectsV2Command') await afterListing(answer.output as ListObjectsV2CommandOutput);
        return answer;
      },
    { step: 'initialize' },
  );
  return new S3StorageProvider({ bucket, client });
}

async function keysIn(server: S3Server, bucket: string): Promise<(string | undefined)[]> {
  const { Contents = [] } = await server.client().send(new ListObjectsV2Command({ Bucket: bucket }));
  return Contents.map(({ Key }) => Key);
}

async function proxied(t: Parameters<typeof S3FaultProxy.start>[0], server: S3Server, bucket: string) {
  const proxy = await S3FaultProxy.start(t, server);
  const { region, accessKeyId, secretAccessKey } = server;
  const options = { bucket, region, credentials: { accessKeyId, secretAccessKey }, endpoint: proxy.endpoint };
  return { proxy, storage: new S3StorageProvider(options) };
}

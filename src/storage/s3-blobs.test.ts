import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readlink, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { type GetObjectCommandInput, S3Client } from '@aws-sdk/client-s3';
import { S3FaultProxy } from '../../test/support/s3-fault-proxy.ts';
import { startS3rver } from '../../test/support/s3-server.ts';
import { digestOf } from '../base/hash.ts';
import { isAppError } from '../contracts/errors.ts';
import { digestSchema } from '../contracts/ids.ts';
import { S3StorageProvider } from './s3.ts';
import { partBytes } from './s3-spool.ts';

/** `before` is called ahead of each request. */
async function place(t: TestContext, before: (command: string, input: object) => void | Promise<void>) {
  const server = await startS3rver(t);
  const proxy = await S3FaultProxy.start(t, server);
  const bucket = await server.makeBucket();
  const { region, accessKeyId, secretAccessKey } = server;
  const credentials = { accessKeyId, secretAccessKey };
  const client = new S3Client({ endpoint: proxy.endpoint, region, credentials, forcePathStyle: true });
  t.after(async () => client.destroy());
  client.middlewareStack.add(
    (next, { commandName = '' }) =>
      async (args) => {
        await before(commandName, args.input);
        return next(args);
      },
    { step: 'initialize' },
  );
  const spoolFolder = await mkdtemp(join(tmpdir(), 'agora-spool-'));
  t.after(() => rm(spoolFolder, { recursive: true, force: true }));
  return { proxy, spoolFolder, storage: new S3StorageProvider({ bucket, client, spoolFolder }) };
}

test('a service that does not go on where it was cut is told, and no byte comes twice', async (t) => {
  const { proxy, storage } = await place(t, (command, input: GetObjectCommandInput | object) => {
    if (command === 'GetObjectCommand' && 'Range' in input) delete input.Range;
  });
  const content = randomBytes(1_000_000);
  const { digest } = await storage.putBlob(content);
  proxy.next([{ kind: 'cut', what: 'answer' }], ({ method }) => method === 'GET');

  const chunks: Uint8Array[] = [];
  const reading = async () => {
    for await (const chunk of storage.getBlob(digest)) chunks.push(chunk);
  };
  await assert.rejects(
    reading(),
    (error) => isAppError(error, 'unreachable') && /does not go on there/.test(error.message),
  );

  const read = Buffer.concat(chunks);
  assert.ok(read.length > 0);
  assert.deepEqual(read, content.subarray(0, read.length));
});

test('content that became shorter on its way up is not stored', {
  skip: process.platform !== 'linux' && 'a file without a name is found in /proc',
}, async (t) => {
  const content = randomBytes(2.5 * partBytes);
  let isShort = false;
  const { spoolFolder, storage } = await place(t, async (command) => {
    if (command !== 'HeadObjectCommand' || isShort) return;
    isShort = true;
    await truncate(await openFileIn(spoolFolder), 2 * partBytes);
  });

  // This service takes no parts back, so it is that which is told.
  await assert.rejects(storage.putBlob(Readable.from([content])), (error) => isAppError(error));

  assert.equal(await storage.statBlob(digestSchema.parse(digestOf(content))), undefined);
});

async function openFileIn(folder: string): Promise<string> {
  for (const number of await readdir('/proc/self/fd')) {
    const file = join('/proc/self/fd', number);
    if ((await readlink(file).catch(() => '')).startsWith(folder)) return file;
  }
  throw new Error(`no open file in ${folder}`);
}

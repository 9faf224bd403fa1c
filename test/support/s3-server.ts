import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { access, mkdtemp, rm } from 'node:fs/promises';
import type { Server, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { retry } from '../../src/base/retry.ts';
import { environmentNames } from '../../src/contracts/names.ts';
import { cephPrograms, type S3Keys, type S3User, startCephCluster } from './ceph-cluster.ts';
import { leftToNpmTest } from './quick-tests.ts';

/** A server that speaks S3, on a port of this machine until the test ends. */
export interface S3Server extends S3Keys {
  readonly endpoint: string;
  readonly region: string;
  /** Endpoint, region and keys, as the AWS CLI and SDK read them. */
  readonly environment: Readonly<Record<string, string>>;
  /** Asks as the owner of the server, or as another. */
  client(keys?: S3Keys): S3Client;
  /** A new one, empty; with Object Lock (and so with versions) where that is wished. Gives its name. */
  makeBucket(options?: { readonly hasLock?: boolean }): Promise<string>;
}

/** Ceph's object gateway: Object Lock holds, `If-None-Match` is not heeded. */
export interface CephServer extends S3Server {
  /** A further person, who may do nothing in the buckets of others. */
  addUser(): Promise<S3User>;
}

/** A test, or a file of tests. */
interface TestEnd {
  after(end: () => Promise<unknown>): unknown;
}

/** Why no real S3 can be started here, said on stderr as well; false when one can. */
export async function s3Obstacle(): Promise<string | false> {
  if (leftToNpmTest) return leftToNpmTest;
  for (const program of cephPrograms) {
    const isThere = await access(`/usr/bin/${program}`).then(
      () => true,
      () => false,
    );
    if (isThere) continue;
    const obstacle = `tests of a real S3 need "${program}" (Debian: radosgw, ceph-mon, ceph-osd)`;
    if (process.env[environmentNames.requireEngine] === '1') throw new Error(`A real S3 is required: ${obstacle}`);
    process.stderr.write(`NO S3: ${obstacle}: they are skipped\n`);
    return obstacle;
  }
  return false;
}

/** The real one; one for a file of tests is enough: `startS3Server({ after })`. */
export async function startS3Server(t: TestEnd): Promise<CephServer> {
  // Between finding a port free and taking it, another test may take it.
  const cluster = await retry(startCephCluster, { attempts: 3 });
  t.after(cluster.close);
  return { ...serverAt(cluster.endpoint, cluster.keys), addUser: cluster.addUser };
}

type Middleware = (context: { readonly res: ServerResponse }, next: () => Promise<void>) => Promise<void>;

interface S3rver {
  readonly middleware: Middleware[];
  readonly httpServer: Server;
  run(): Promise<AddressInfo>;
  close(): Promise<void>;
}
type S3rverClass = new (options: Readonly<Record<string, unknown>>) => S3rver;

/** The negative peer, started at once: in this process, in a folder. It takes headers of Object Lock and forgets them. */
export async function startS3rver(t: TestEnd): Promise<S3Server & { readonly directory: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'agora-s3rver-'));
  const S3rver = createRequire(import.meta.url)('s3rver') as S3rverClass;
  const server = new S3rver({ address: '127.0.0.1', port: 0, silent: true, directory });
  server.middleware.unshift(oneByOne());
  const { port } = await server.run();
  t.after(async () => {
    // A client keeps connections for later, which would be waited for.
    const closed = server.close();
    server.httpServer.closeAllConnections();
    await closed;
    await rm(directory, { recursive: true, force: true });
  });
  return {
    ...serverAt(`http://127.0.0.1:${port}`, { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' }),
    directory,
  };
}

/** It writes an object in place: of two requests at once one would see half of the other, which no S3 shows. */
function oneByOne(): Middleware {
  let last: Promise<unknown> = Promise.resolve();
  return async ({ res }, next) => {
    const before = last;
    last = once(res, 'close');
    await before;
    await next();
  };
}

function serverAt(endpoint: string, owner: S3Keys): S3Server {
  const region = 'us-east-1';
  const client = (credentials = owner) => new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  const makeBucket = async ({ hasLock = false } = {}) => {
    const Bucket = `agora-${randomBytes(6).toString('hex')}`;
    const asking = client();
    await asking.send(new CreateBucketCommand({ Bucket, ...(hasLock && { ObjectLockEnabledForBucket: true }) }));
    asking.destroy();
    return Bucket;
  };
  const environment = {
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: owner.accessKeyId,
    AWS_SECRET_ACCESS_KEY: owner.secretAccessKey,
  };
  return { ...owner, endpoint, region, environment, client, makeBucket };
}

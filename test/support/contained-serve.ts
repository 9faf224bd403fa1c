import assert from 'node:assert/strict';
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { waitUntil } from '../../src/base/deadline.ts';
import { prepareProgramImage } from '../../src/compute/program-image.ts';
import { serveImage } from '../../src/contracts/names.ts';
import { packageRoot } from './engine.ts';
import { type PrivateEngine, startPrivateEngine } from './private-engine.ts';
import { emptyProject, type Project } from './project.ts';
import { type CephServer, startS3Server } from './s3-server.ts';
import { type SecretsManager, startSecretsManager } from './secrets-manager.ts';

/** The group of the engine's socket: no host's usual one, so that nobody can have guessed it. */
export const socketGroup = 4242;

/** The example `offload-minio` as a person runs it, with Ceph and the stub in the places of MinIO and LocalStack. */
export interface ContainedServe {
  readonly project: Project;
  readonly place: PrivateEngine;
  readonly s3: CephServer;
  readonly secrets: SecretsManager;
  /** In the example's folder; fails with what it printed. */
  run(script: string): Promise<string>;
}

/** In the places of both services: what connects there is carried out of the engine's network, to a socket of this process. */
const forwarder = `
const net = require('node:net');
const [port, socket] = process.argv.slice(1);
net.createServer((near) => {
  const far = net.connect(socket);
  near.pipe(far).pipe(near);
  for (const [one, other] of [[near, far], [far, near]]) one.on('error', () => other.destroy());
}).listen(Number(port));`;

export async function containedServe(t: TestContext): Promise<ContainedServe> {
  const [s3, secrets, place] = await Promise.all([serverWithBuckets(t), startSecretsManager(t), engineWithImage(t)]);
  const project = await emptyProject(t, { engine: place.host });
  const folder = join(project.folder, 'examples', 'offload-minio');
  await cp(join(packageRoot, 'examples', 'offload-minio'), folder, {
    recursive: true,
    filter: (path) => !/\/(\.agora|node_modules|bundle\.json)/.test(path.slice(packageRoot.length)),
  });
  await symlink(join(packageRoot, 'bin'), join(project.folder, 'bin'));
  const peers = join(project.folder, 'peers');
  await mkdir(peers);
  for (const [name, { endpoint }] of Object.entries({ s3, secrets })) {
    await carry(t, join(peers, name), Number(new URL(endpoint).port));
  }
  await writeFile(
    join(folder, 'docker-compose.peers.yml'),
    JSON.stringify({ version: '3.9', services: peersFor(peers) }),
  );
  Object.assign(project.env, {
    AGORA_S3_ENDPOINT: s3.endpoint,
    AGORA_S3_ACCESS_KEY: s3.accessKeyId,
    AGORA_S3_SECRET_KEY: s3.secretAccessKey,
    AGORA_SECRETS_ENDPOINT: secrets.endpoint,
    COMPOSE_FILE: 'docker-compose.yml:docker-compose.peers.yml',
  });
  const run = async (script: string) => {
    const { code, stdout, stderr } = await project.shell(`cd ${folder} && ${script}`);
    assert.equal(code, 0, `${script}\n${stdout}\n${stderr}`);
    return stdout.trim();
  };
  return { project, place, s3, secrets, run };
}

/** The id of the container of a service that was started, once it is healthy. */
export async function healthy({ run }: ContainedServe, service: string): Promise<string> {
  const id = await run(`docker-compose ps -q ${service}`);
  const look = async () => (await run(`docker inspect -f '{{.State.Health.Status}}' ${id}`)) === 'healthy';
  await waitUntil(`a healthy ${service}`, look, { timeoutMs: 150_000, intervalMs: 1_000 });
  return id;
}

function peersFor(folder: string) {
  const peer = (port: number, name: string) => ({
    image: serveImage,
    entrypoint: ['node', '-e', forwarder.replaceAll('$', '$$$$'), '--'],
    command: [String(port), `/peers/${name}`],
    volumes: [`${folder}:/peers`],
    healthcheck: {
      test: ['CMD', 'node', '-e', `require('node:net').connect(${port}).on('connect', () => process.exit(0))`],
    },
  });
  return {
    minio: peer(9000, 's3'),
    secrets: peer(4566, 'secrets'),
    buckets: { image: serveImage, entrypoint: ['true'], command: [] },
    // Only looked at more often.
    serve: { healthcheck: { interval: '5s' } },
  };
}

async function engineWithImage(t: TestContext): Promise<PrivateEngine> {
  const place = await startPrivateEngine({ hasDefaultSocket: true, words: ['--group', String(socketGroup)] });
  t.after(() => place.close());
  await prepareProgramImage(place.engine, 'serve', { packageRoot, signal: t.signal });
  return place;
}

async function serverWithBuckets(t: TestContext): Promise<CephServer> {
  const s3 = await startS3Server(t);
  const client = s3.client();
  await client.send(new CreateBucketCommand({ Bucket: 'agora-data' }));
  await client.send(new CreateBucketCommand({ Bucket: 'agora-audit', ObjectLockEnabledForBucket: true }));
  client.destroy();
  return s3;
}

/** From a socket in the file system to a port of this machine. */
async function carry(t: TestContext, socket: string, port: number): Promise<void> {
  const server = createServer((near) => {
    const far = createConnection(port, '127.0.0.1');
    near.pipe(far).pipe(near);
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  t.after(() => server.close());
}

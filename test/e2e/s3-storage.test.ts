import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import type { Project } from '../support/project.ts';
import { providerPlaces } from '../support/provider-place.ts';
import { S3FaultProxy } from '../support/s3-fault-proxy.ts';
import { s3Obstacle, startS3Server } from '../support/s3-server.ts';
import { randomFrom } from '../support/seeded-random.ts';
import {
  artifactText,
  intactBundle,
  item,
  outcomes,
  seen,
  shellProject,
  submit,
  watched,
} from '../support/shell-project.ts';

const places = await providerPlaces();
const place = places.find(({ name }) => name === 'process');
const skip = (await s3Obstacle()) || place?.skip;
const server = skip ? undefined : await startS3Server({ after });

test('a service that goes away while items run costs time only, and status says what is waited for', {
  skip,
}, async (t) => {
  const { project, proxy } = await s3Project(t);
  await project.serve();
  const runId = await submit(project, 'away', [
    item('a', 'sleep 2; echo more >> a.txt; head -c 12000000 /dev/urandom > "$AGORA_OUTPUT_DIR/big"'),
    item('b', 'grep -q more a.txt', { depends_on: ['a'] }),
  ]);
  await seen(project, runId, 'a', ({ status }) => status === 'running');

  await proxy.down();
  const waiting = await seen(project, runId, 'a', ({ reason }) => reason !== undefined);
  await proxy.up();
  const ended = await watched(project, runId);

  assert.match(waiting.reason ?? '', /^Cannot .* at http:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED/);
  assert.equal(ended.code, 0);
  const bundle = await intactBundle(project, runId);
  for (const id of ['a', 'b']) assert.deepEqual(outcomes(bundle, id), [['done', undefined, 0]]);
  assert.match(await artifactText(project, bundle, { item: 'a' }), /^\+more$/m);
});

test('a run survives failures, cuts, delays and changed bytes at random', { skip }, async (t) => {
  const { project, proxy } = await s3Project(t);
  proxy.atRandom(0.15, randomFrom(20_261_121));
  await project.serve();
  const make = 'echo "$0" >> a.txt; head -c 20000000 /dev/urandom > "$AGORA_OUTPUT_DIR/big"';

  const runId = await submit(project, 'random', [
    item('a', make),
    item('b', make, { depends_on: ['a'] }),
    item('c', 'test "$(wc -l < a.txt)" = 3', { depends_on: ['b'] }),
  ]);
  const ended = await watched(project, runId);

  assert.equal(ended.code, 0, JSON.stringify(ended.records.at(-1)));
  const bundle = await intactBundle(project, runId);
  for (const id of ['a', 'b', 'c']) assert.deepEqual(outcomes(bundle, id), [['done', undefined, 0]]);
});

for (const [what, { options, environment, said, next }] of Object.entries({
  'a bucket that is not there': {
    options: { bucket: 'agora-not-there' },
    environment: {},
    said: /there is no such bucket/,
    next: /create-bucket/,
  },
  'an access key that nobody has': {
    options: {},
    environment: { AWS_ACCESS_KEY_ID: 'nobody' },
    said: /the access key is not known there/,
    next: /AWS_ACCESS_KEY_ID/,
  },
  'a secret key of another': {
    options: {},
    environment: { AWS_SECRET_ACCESS_KEY: 'wrong' },
    said: /the secret key does not belong to the access key/,
    next: /AWS_ACCESS_KEY_ID/,
  },
  'no region': {
    options: {},
    environment: { AWS_REGION: '' },
    said: /no region is set/,
    next: /AWS_REGION/,
  },
  'an endpoint where nobody listens': {
    options: { endpoint: 'http://127.0.0.1:9' },
    environment: {},
    said: /http:\/\/127\.0\.0\.1:9: .*ECONNREFUSED/,
    next: /endpoint/,
  },
  'a prefix that leads elsewhere': {
    options: { prefix: '../other' },
    environment: {},
    said: /Cannot use prefix/,
    next: /./,
  },
})) {
  test(`${what} is told with what to do`, { skip }, async (t) => {
    const { project } = await s3Project(t, options);
    Object.assign(project.env, environment);

    const { code, stderr } = await project.agora(['subagent', 'list']);

    assert.notEqual(code, 0);
    assert.match(stderr, said);
    assert.match(stderr, next);
    assert.doesNotMatch(stderr, /\n {4}at /, 'no stack');
  });
}

/** Storage in S3 through a fault proxy; everything else local. */
async function s3Project(
  t: TestContext,
  options: Readonly<Record<string, string>> = {},
): Promise<{ readonly project: Project; readonly proxy: S3FaultProxy }> {
  assert.ok(server);
  const project = await shellProject(t, 'process', { source: { 'a.txt': 'a\n' } });
  const proxy = await S3FaultProxy.start(t, server);
  const bucket = await server.makeBucket();
  const own = { bucket, prefix: `team/${randomBytes(2).toString('hex')}`, endpoint: proxy.endpoint, ...options };
  await writeFile(join(project.folder, 'agora.config.mjs'), configText(own));
  const { AWS_ENDPOINT_URL_S3: _, ...environment } = server.environment;
  Object.assign(project.env, environment, { AWS_EC2_METADATA_DISABLED: 'true' });
  return { project, proxy };
}

const configText = (options: object) => `
import { join } from 'node:path';
import {
  AgoraClient, AgoraOrchestrator, createLocalSigner, DispatchExecutor, LocalAnchor, LocalComputeProvider, LocalDirMailbox,
  MailboxSubmissionTransport, S3StorageProvider, SqliteRunStateStore, serve,
} from 'agora-offload';
const state = join(import.meta.dirname, '.agora');
const storage = new S3StorageProvider(${JSON.stringify(options)});
const store = new SqliteRunStateStore({ file: join(state, 'state.db') });
const transport = new MailboxSubmissionTransport(new LocalDirMailbox(join(state, 'mailbox')));
export const client = new AgoraClient({ storage, compute: { local: new LocalComputeProvider({ stateFolder: state }) }, stateFolder: state });
const orchestrator = new AgoraOrchestrator({
  stateFolder: state, store, storage,
  signer: createLocalSigner({ keyFile: join(state, 'keys', 'seal.pem') }),
  anchors: [new LocalAnchor(store)],
  executors: { dispatch: new DispatchExecutor({ client }) },
  queues: { default: { concurrency: 4 } },
  subagents: { shell: { command: ['sh', '-c', '{{script}}'] } },
  source: join(import.meta.dirname, 'source'),
});
export const orch = {
  transport, storage, declarations: orchestrator.declarations, trust: join(state, 'trust.json'),
  runService: (signal, options) => serve({ ...options, orchestrator, transport, signal }),
};
`;

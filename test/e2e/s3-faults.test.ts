import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { DeleteBucketCommand, DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { sleep, waitUntil } from '../../src/base/deadline.ts';
import { mailboxKeys } from '../../src/contracts/mailbox.ts';
import { S3Mailbox } from '../../src/mailbox/s3.ts';
import { MailboxSubmissionTransport } from '../../src/orchestrator/submission-transport.ts';
import { providerPlaces } from '../support/provider-place.ts';
import { S3FaultProxy } from '../support/s3-fault-proxy.ts';
import { configure, type SharedBucket, s3Project } from '../support/s3-project.ts';
import { s3Obstacle, startS3Server } from '../support/s3-server.ts';
import { randomFrom } from '../support/seeded-random.ts';
import { intactBundle, item, patience, submit, watched } from '../support/shell-project.ts';

const place = (await providerPlaces()).find(({ compute }) => compute === 'process');
const obstacle = (await s3Obstacle()) || place?.skip;
const skip = obstacle ?? false;
const server = skip === false ? await startS3Server({ after }) : undefined;

interface FaultyBucket {
  readonly shared: SharedBucket;
  readonly proxy: S3FaultProxy;
  /** Past the proxy. */
  readonly direct: MailboxSubmissionTransport;
}

async function aFaultyBucket(t: Parameters<typeof S3FaultProxy.start>[0]): Promise<FaultyBucket> {
  assert.ok(server);
  const { accessKeyId, secretAccessKey } = server;
  const bucket = await server.makeBucket();
  const proxy = await S3FaultProxy.start(t, server);
  const credentials = { accessKeyId, secretAccessKey };
  const mailbox = new S3Mailbox({ bucket, prefix: 'mailbox/', client: server.client(), pollSeconds: 0.5 });
  return {
    shared: { bucket, credentials, endpoint: proxy.endpoint },
    proxy,
    direct: new MailboxSubmissionTransport(mailbox),
  };
}

/** How often a line of this kind was said. */
function times(said: string, pattern: RegExp): number {
  return said.split('\n').filter((line) => pattern.test(line)).length;
}

const outage = /the mailbox fails, trying again: .*the service does not answer/;
const back = /the mailbox works again/;

for (const [name, lengthMs] of [
  ['ten seconds', 10_000],
  ['two minutes', 120_000],
] as const) {
  test(`an endpoint that is down for ${name} of a run: it is told once, status follows in order, and the run completes`, {
    skip,
  }, async (t) => {
    const { shared, proxy, direct } = await aFaultyBucket(t);
    const project = await s3Project(t, shared);
    const daemon = await project.serve();
    const script = `sleep ${lengthMs / 4_000}; echo x >> greeting.txt`;
    const chain = ['a', 'b', 'c'].map((id, index, ids) =>
      item(id, script, { depends_on: ids.slice(Math.max(0, index - 1), index) }),
    );
    const runId = await submit(project, 'run-1', chain);
    const watching = project.start('agora', ['orch', 'watch', runId]);
    await waitUntil('the first item to run', () => watching.stdout().includes('"running"'), patience);

    await proxy.down();
    const refused = await project.agora(['orch', 'status', '--daemon']);
    await sleep(lengthMs);
    await proxy.up();

    const { code, stdout, stderr } = await watching.finished;
    assert.equal(code, 0, stderr);
    assert.equal(times(stderr, /cannot be reached, still trying/), 1, stderr);
    assert.equal(times(stderr, /is there again/), 1, stderr);
    assert.deepEqual([times(daemon.stderr(), outage), times(daemon.stderr(), back)], [1, 1], daemon.stderr());
    assert.equal(refused.code, 3);
    assert.match(refused.stderr, /Check the endpoint and the network/);
    const published = await direct.statusKeys(runId);
    assert.deepEqual(
      published,
      published.map((_, index) => mailboxKeys.status(runId, index + Number(published[0]?.match(/(\d+)\.json/)?.[1]))),
    );
    assert.equal(stdout.trim().split('\n').length, published.length);
    await intactBundle(project, runId);
  });
}

test('a service that fails at random, cuts and delays what it says: runs complete, none twice', { skip }, async (t) => {
  const { shared, proxy } = await aFaultyBucket(t);
  const project = await s3Project(t, shared);
  const daemon = await project.serve();
  proxy.atRandom(0.25, randomFrom(7));

  for (const id of ['run-1', 'run-2', 'run-3']) {
    const runId = await submit(project, id, [
      item('a', 'echo x >> greeting.txt'),
      item('b', 'true', { depends_on: ['a'] }),
    ]);
    assert.deepEqual((await watched(project, runId)).statuses, { a: 'done', b: 'done' });
    const bundle = await intactBundle(project, runId);
    assert.deepEqual(
      bundle.items.map(({ attempt }) => attempt),
      [1, 1],
    );
  }

  assert.equal(times(daemon.stderr(), /^run run-\d: accepted/), 3, daemon.stderr());
});

test('wrong keys, a bucket that is not there and a dead endpoint end each command with what to do', {
  skip,
}, async (t) => {
  assert.ok(server);
  const { shared, proxy } = await aFaultyBucket(t);
  const project = await s3Project(t, shared);
  const gone = await server.makeBucket();
  await server.client().send(new DeleteBucketCommand({ Bucket: gone }));
  await project.writePlan({ id: 'run-1', items: [item('a', 'true')] });
  const wrong = { accessKeyId: shared.credentials.accessKeyId, secretAccessKey: 'not-the-secret' };
  const ends = async (pattern: RegExp) => {
    for (const words of [
      ['submit', 'plan.json'],
      ['watch', 'run-1'],
      ['runs'],
      ['status', '--daemon'],
      ['audit', 'run-1'],
    ]) {
      const { code, stdout, stderr } = await project.agora(['orch', ...words]);
      assert.deepEqual([code, stdout], [3, ''], `${words}: ${stderr}`);
      assert.match(stderr, pattern);
    }
  };

  await configure(project, { ...shared, credentials: wrong });
  await ends(/the secret key does not belong to the access key.*AWS_ACCESS_KEY_ID/s);
  assert.equal((await project.agora(['orch', 'serve'])).code, 3);

  await configure(project, { ...shared, bucket: gone });
  await ends(/there is no such bucket.*create-bucket/s);
  assert.equal((await project.agora(['orch', 'serve'])).code, 3);

  await configure(project, shared);
  await proxy.down();
  await ends(/the service does not answer as it should \(ECONNREFUSED\).*Check the endpoint/s);
});

test('a daemon that starts while its bucket is away waits for it, and stops when it is told to', {
  skip,
}, async (t) => {
  const { shared, proxy, direct } = await aFaultyBucket(t);
  const project = await s3Project(t, shared);
  await proxy.down();
  const daemon = project.start('agora', ['orch', 'serve']);
  await waitUntil('it to say so', () => outage.test(daemon.stderr()), patience);

  await proxy.up();
  await waitUntil('it to serve', () => daemon.stderr().includes('serving '), patience);
  assert.notEqual(await direct.presence(), undefined);
  await proxy.down();
  const startedAt = performance.now();
  daemon.child.kill('SIGTERM');

  assert.equal((await daemon.finished).code, 0);
  assert.ok(performance.now() - startedAt < 10_000);
});

test('an idle daemon asks five questions in three looks', { skip }, async (t) => {
  const { shared, proxy } = await aFaultyBucket(t);
  const project = await s3Project(t, shared);
  await project.serve();
  const looks = () => proxy.asked.filter(({ path }) => path.includes('list-type=2')).length;
  const isBeat = ({ path }: { readonly path: string }) => path.includes('/mailbox/orchestrator/daemon.json');
  // Those of its start are over with the first look at the inbox.
  await waitUntil('its first looks', () => looks() > 3, patience);
  const [before, begun] = [looks(), proxy.asked.length];

  await waitUntil('twelve more', () => looks() === before + 12, patience);

  const asked = proxy.asked.slice(begun);
  const beats = asked.filter(isBeat).length;
  assert.equal(asked.length - beats, 12);
  assert.ok(beats <= 10, `${beats} requests for its sign of life`);
});

test('messages that are tampered with or deleted under us harm their own run only', { skip }, async (t) => {
  assert.ok(server);
  const { shared, direct } = await aFaultyBucket(t);
  const project = await s3Project(t, shared);
  const client = server.client();
  const at = (key: string) => ({ Bucket: shared.bucket, Key: `mailbox/${key}` });
  const runId = await submit(project, 'run-1', [item('a', 'true')]);
  const [submission = ''] = await direct.mailbox.list(mailboxKeys.submissionsOf(runId));
  const text = await direct.mailbox.get(submission);
  await client.send(new PutObjectCommand({ ...at(submission), Body: text?.slice(0, -20) ?? '' }));
  const lost = await submit(project, 'run-2', [item('a', 'true')]);
  const [deleted = ''] = await direct.mailbox.list(mailboxKeys.submissionsOf(lost));
  await client.send(new DeleteObjectCommand(at(deleted)));
  await client.send(new PutObjectCommand({ ...at(mailboxKeys.daemon), Body: 'nonsense' }));

  const daemon = await project.serve();
  const rejected = await project.agora(['orch', 'watch', runId]);
  const good = await submit(project, 'run-3', [item('a', 'true')]);
  const ended = await watched(project, good);
  await client.send(new PutObjectCommand({ ...at(mailboxKeys.audit(good)), Body: '{"report":{"intact":true}}' }));
  const audited = await project.agora(['orch', 'audit', good]);

  assert.equal(rejected.code, 1);
  assert.match(rejected.stderr, /Run "run-1" was rejected/);
  assert.deepEqual(ended.statuses, { a: 'done' });
  assert.notEqual(audited.code, 0);
  assert.equal(daemon.child.exitCode, null);
});

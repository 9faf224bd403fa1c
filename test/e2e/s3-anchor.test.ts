import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { DeleteObjectCommand, PutObjectCommand, PutObjectLockConfigurationCommand, S3Client } from '@aws-sdk/client-s3';
import { entryText } from '../../src/audit/anchored-entry.ts';
import { S3ObjectLockAnchor } from '../../src/audit/s3-object-lock-anchor.ts';
import { readTrustFile } from '../../src/audit/trust.ts';
import { exitCodeOf } from '../../src/audit/verify/report.ts';
import { verifyBundle } from '../../src/audit/verify/verify.ts';
import { waitUntil } from '../../src/base/deadline.ts';
import { auditRun } from '../../src/cli/audit-run.ts';
import type { RunId } from '../../src/contracts/ids.ts';
import { LocalStorage } from '../../src/storage/local.ts';
import { aDaemon, type TestDaemon } from '../support/daemon.ts';
import { S3FaultProxy } from '../support/s3-fault-proxy.ts';
import { type CephServer, s3Obstacle, startS3Server } from '../support/s3-server.ts';

const skip = await s3Obstacle();
const patience = { timeoutMs: 60_000 };
const ends: (() => unknown)[] = [];
after(async () => {
  for (const end of ends) await end();
});

let running: Promise<CephServer> | undefined;
function ceph(): Promise<CephServer> {
  running ??= startS3Server({ after: (end: () => unknown) => void ends.push(end) });
  return running;
}

/** A daemon that anchors in a bucket of its own, behind a proxy that can be cut. */
async function aPlace(t: TestContext, hasLock = true) {
  const server = await ceph();
  const Bucket = await server.makeBucket({ hasLock });
  const proxy = await S3FaultProxy.start(t, server);
  const { region, accessKeyId, secretAccessKey } = server;
  const client = new S3Client({
    endpoint: proxy.endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  });
  const anchor = new S3ObjectLockAnchor({ bucket: Bucket, client });
  const daemon = await aDaemon(t, [anchor]);
  return { server, Bucket, proxy, client, anchor, daemon };
}

async function doneRun(daemon: TestDaemon, name = 'run-1'): Promise<RunId> {
  const runId = await daemon.submit(name, [{ id: name }]);
  (await daemon.executor.attempt(name)).end();
  assert.equal((await daemon.ended(runId)).status, 'done');
  return runId;
}

/** As `agora orch audit` does. */
async function audited(daemon: TestDaemon, runId: RunId, anchors: readonly S3ObjectLockAnchor[]) {
  const { transport, folder } = daemon;
  const storage = new LocalStorage({ root: join(folder, 'storage') });
  const trust = await readTrustFile(join(folder, 'trust.json'));
  const orch = { transport, storage, anchors, runService: async () => undefined, declarations: {} as never };
  const { report, text, evidence } = await auditRun(orch, runId, { trust });
  const said = JSON.parse((await transport.auditText(runId)) ?? '').report;
  return { report, said, text, evidence, trust, exitCode: exitCodeOf(report), bundle: JSON.parse(text) };
}

test('a run anchored in a locked bucket is tamper-evident, to the daemon, to audit and by its evidence', {
  skip,
}, async (t) => {
  const { daemon, anchor } = await aPlace(t);
  const runId = await doneRun(daemon);

  const { report, said, text, evidence, trust, bundle } = await audited(daemon, runId, [anchor]);

  for (const each of [report, said]) {
    assert.deepEqual([each.intact, each.guarantee, each.claim], [true, 'external-immutable', 'tamper-evident']);
  }
  assert.ok(evidence !== undefined);
  const alone = await verifyBundle(text, { trust });
  const told = await verifyBundle(text, { trust, evidence: { file: evidence, now: new Date().toISOString() } });
  assert.deepEqual([alone.guarantee, told.guarantee], ['detect', 'external-immutable']);
  assert.doesNotMatch(text + JSON.stringify(evidence), new RegExp((await ceph()).secretAccessKey));
  assert.equal(bundle.anchors[1].readBack.versions[0].mode, 'COMPLIANCE');
});

test('what is done to a locked entry afterwards shows, or is refused', { skip }, async (t) => {
  const { daemon, anchor, client, Bucket } = await aPlace(t);
  const runId = await doneRun(daemon);
  const { bundle } = await audited(daemon, runId, [anchor]);
  const [, { locator, evidence, readBack }] = bundle.anchors;
  const Key = locator.slice(`s3://${Bucket}/`.length);
  const VersionId = readBack.versions[0].versionId;

  await assert.rejects(client.send(new DeleteObjectCommand({ Bucket, Key, VersionId })), { name: 'AccessDenied' });
  assert.equal((await audited(daemon, runId, [anchor])).report.claim, 'tamper-evident');

  const Body = entryText({ ...evidence, root: '0'.repeat(64) });
  const put = await client.send(new PutObjectCommand({ Bucket, Key, Body }));
  const over = await audited(daemon, runId, [anchor]);
  assert.deepEqual([over.report.failure, over.exitCode], ['anchor-conflict', 1]);

  await client.send(new DeleteObjectCommand({ Bucket, Key, VersionId: put.VersionId }));
  await client.send(new DeleteObjectCommand({ Bucket, Key }));
  const marked = await audited(daemon, runId, [anchor]);
  assert.deepEqual([marked.report.failure, marked.exitCode], ['anchor-conflict', 1]);
});

test('an endpoint that is down while runs are sealed delays none of them, and each is anchored once it is back', {
  skip,
}, async (t) => {
  const { daemon, anchor, proxy } = await aPlace(t);
  await proxy.down();
  const began = performance.now();
  const runIds = [await doneRun(daemon, 'run-1'), await doneRun(daemon, 'run-2'), await doneRun(daemon, 'run-3')];

  assert.ok(performance.now() - began < 15_000);
  const { said, report, exitCode } = await audited(daemon, 'run-1' as RunId, [anchor]);
  assert.deepEqual([said.intact, said.guarantee, said.anchors[1].state], [true, 'detect', 'pending']);
  assert.deepEqual([report.failure, exitCode], ['anchor-unreachable', 3]);
  await proxy.up();

  for (const runId of runIds) {
    const isEvident = async () => (await audited(daemon, runId, [anchor])).said.claim === 'tamper-evident';
    await waitUntil(`the anchor of ${runId}`, isEvident, patience);
  }
});

test('answers that are lost or broken make no second entry, and no false alarm', { skip }, async (t) => {
  const { daemon, anchor, proxy } = await aPlace(t);
  const isPut = ({ method }: { method: string }) => method === 'PUT';
  proxy.next(
    [
      { kind: 'error', status: 500, code: 'InternalError' },
      { kind: 'cut', what: 'answer' },
      { kind: 'error', status: 503, code: 'SlowDown' },
    ],
    isPut,
  );
  const runId = await doneRun(daemon);

  const isEvident = async () => (await audited(daemon, runId, [anchor])).said.claim === 'tamper-evident';
  await waitUntil('the anchor', isEvident, patience);
});

test('a bucket without lock, one that is not there and keys that are wrong seal with detect and say so', {
  skip,
}, async (t) => {
  const { daemon, anchor, server } = await aPlace(t, false);
  const nobody = server.client({ accessKeyId: 'NOBODY', secretAccessKey: 'nothing' });
  const missing = new S3ObjectLockAnchor({ bucket: 'no-such-bucket-here', client: server.client() });
  const wrong = new S3ObjectLockAnchor({ bucket: 'agora-audit', client: nobody });
  const others = await aDaemon(t, [missing, wrong]);

  const first = await audited(daemon, await doneRun(daemon), [anchor]);
  const second = await audited(others, await doneRun(others), []);

  assert.deepEqual([first.report.intact, first.report.guarantee, first.exitCode], [true, 'detect', 0]);
  assert.match(first.report.anchors[1]?.because ?? '', /nothing can be locked there/);
  assert.match(daemon.lines.join('\n'), /the bucket has no Object Lock/);
  assert.deepEqual([second.said.intact, second.said.guarantee], [true, 'detect']);
  assert.match(others.lines.join('\n'), /there is no such bucket/);
  assert.match(others.lines.join('\n'), /the access key is not known there/);
});

/** LABELLED PROXY: a client whose puts lose their lock on the way, as with a gateway that drops headers it does not know. */
function withoutLocks(client: S3Client): S3Client {
  client.middlewareStack.add(
    (next) => async (args) => {
      const { ObjectLockMode: _, ObjectLockRetainUntilDate: __, ...input } = args.input as Record<string, unknown>;
      return next({ ...args, input: input as never });
    },
    { step: 'initialize', priority: 'high', name: 'withoutLocks' },
  );
  return client;
}

test('a lock that is lost on the way earns detect, and what the bucket locks by default counts', {
  skip,
}, async (t) => {
  const server = await ceph();
  const plain = await server.makeBucket({ hasLock: true });
  const byDefault = await server.makeBucket({ hasLock: true });
  const DefaultRetention = { Mode: 'COMPLIANCE', Days: 1 } as const;
  await server.client().send(
    new PutObjectLockConfigurationCommand({
      Bucket: byDefault,
      ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention } },
    }),
  );
  const anchorIn = (bucket: string) => new S3ObjectLockAnchor({ bucket, client: withoutLocks(server.client()) });
  const [lost, kept] = [await aDaemon(t, [anchorIn(plain)]), await aDaemon(t, [anchorIn(byDefault)])];

  const first = await audited(lost, await doneRun(lost), [anchorIn(plain)]);
  const second = await audited(kept, await doneRun(kept), [anchorIn(byDefault)]);

  assert.deepEqual([first.report.intact, first.report.guarantee], [true, 'detect']);
  assert.match(lost.lines.join('\n'), /earns runs no more than "detect": no lock is on it/);
  assert.equal(second.report.claim, 'tamper-evident');
});

test('a run that was rewritten and sealed again with the right key disagrees with what was anchored first', {
  skip,
}, async (t) => {
  const { daemon, anchor, server, Bucket } = await aPlace(t);
  const runId = await doneRun(daemon);
  const { bundle } = await audited(daemon, runId, [anchor]);
  const [, { locator, evidence }] = bundle.anchors;
  const first = await server.makeBucket({ hasLock: true });
  const Key = locator.slice(`s3://${Bucket}/`.length);
  const before = entryText({ ...evidence, root: '0'.repeat(64), sealDigest: `sha256:${'1'.repeat(64)}` });
  await server.client().send(new PutObjectCommand({ Bucket: first, Key, Body: before }));

  const anchoredFirst = new S3ObjectLockAnchor({ bucket: first, id: anchor.id, client: server.client() });
  const { report, exitCode } = await audited(daemon, runId, [anchoredFirst]);

  assert.deepEqual([report.failure, exitCode], ['anchor-conflict', 1]);
  assert.match(report.failures[0]?.message ?? '', /the oldest, is of another seal/);
});

import assert from 'node:assert/strict';
import { after, mock, test } from 'node:test';
import {
  DeleteObjectCommand,
  PutObjectCommand,
  PutObjectLockConfigurationCommand,
  PutObjectRetentionCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import {
  type CephServer,
  type S3Server,
  s3Obstacle,
  startS3rver,
  startS3Server,
} from '../../test/support/s3-server.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { anchorSuite } from './anchor.suite.ts';
import { entryText } from './anchored-entry.ts';
import { anchorSeal } from './anchored-seal.ts';
import { S3ObjectLockAnchor, type S3ObjectLockAnchorOptions } from './s3-object-lock-anchor.ts';
import { aRun, aSigner, seal } from './sample-run.suite.ts';
import { anchorEntryOf } from './seal.ts';

const skip = await s3Obstacle();
const dayMs = 86_400_000;
const { signal } = new AbortController();

const ends: (() => unknown)[] = [];
after(async () => {
  for (const end of ends) await end();
});
/** Until the last test of this file. */
const atEnd = { after: (end: () => unknown) => void ends.push(end) };

let running: Promise<CephServer> | undefined;
function ceph(): Promise<CephServer> {
  running ??= startS3Server(atEnd);
  return running;
}

async function anEntry() {
  const run = aRun();
  return anchorEntryOf(run.origin, await seal(run, aSigner()));
}

function anchorAt(server: S3Server, bucket: string, options: Partial<S3ObjectLockAnchorOptions> = {}) {
  return new S3ObjectLockAnchor({ bucket, client: server.client(), ...options });
}

/** An anchor in a bucket of its own, an entry for it, and what anyone with the bucket's keys can do to that. */
async function aPlace(options: { hasLock?: boolean; retentionDays?: number } = {}) {
  const server = await ceph();
  const { hasLock = true, retentionDays = 1 } = options;
  const Bucket = await server.makeBucket({ hasLock });
  const anchor = anchorAt(server, Bucket, { retentionDays });
  const entry = await anEntry();
  const client = server.client();
  const Key = anchor.locatorOf(entry).slice(`s3://${Bucket}/`.length);
  return {
    server,
    Bucket,
    Key,
    anchor,
    entry,
    client,
    standing: async () => (await anchorSeal(anchor, entry, signal)).standing,
  };
}

anchorSuite('S3 with Object Lock', {
  skip,
  open: async () => {
    const server = await ceph();
    const bucket = await server.makeBucket({ hasLock: true });
    return [anchorAt(server, bucket), anchorAt(server, bucket)];
  },
});

anchorSuite('S3 that ignores locks', {
  open: async () => {
    const server = await startS3rver(atEnd);
    const bucket = await server.makeBucket();
    return [anchorAt(server, bucket), anchorAt(server, bucket)];
  },
});

test('an entry is locked in mode COMPLIANCE for the days given, by the clock of the service', { skip }, async () => {
  const { anchor, entry, standing, Key } = await aPlace({ retentionDays: 3 });

  const found = await standing();

  assert.ok(found?.state === 'held' && found.guarantee === 'external-immutable');
  const { versions, readAt, endpoint } = await anchor.readBack(entry);
  const [version] = versions;
  assert.equal(version?.mode, 'COMPLIANCE');
  assert.equal(version.retainUntil, found.lockedUntil);
  const lockedMs = Date.parse(found.lockedUntil) - Date.parse(readAt);
  assert.ok(Math.abs(lockedMs - 3 * dayMs) < 60_000, `${lockedMs}`);
  assert.equal(endpoint, (await ceph()).endpoint);
  assert.equal(Key, `${entry.origin.slice('agora/'.length)}/run/${entry.runId}`);
});

test('what is locked cannot be removed or shortened by its owner, and the verdict stays', { skip }, async () => {
  const { anchor, entry, client, Bucket, Key, standing } = await aPlace();
  await standing();
  const { versionId: VersionId } = (await anchor.readBack(entry)).versions[0] ?? {};
  const shorter = { Mode: 'COMPLIANCE', RetainUntilDate: new Date(Date.now() + dayMs / 24) } as const;
  const weaker = { Mode: 'GOVERNANCE', RetainUntilDate: new Date(Date.now() + dayMs * 2) } as const;

  const attempts = [
    new DeleteObjectCommand({ Bucket, Key, VersionId, BypassGovernanceRetention: true }),
    ...[shorter, weaker].map(
      (Retention) =>
        new PutObjectRetentionCommand({ Bucket, Key, VersionId, Retention, BypassGovernanceRetention: true }),
    ),
  ];
  for (const attempt of attempts)
    await assert.rejects(client.send(attempt as DeleteObjectCommand), { name: 'AccessDenied' });

  const after = await standing();
  assert.ok(after?.state === 'held' && after.guarantee === 'external-immutable');
});

test('a version or a delete marker put over the entry is a conflict that names it; removing that ends it', {
  skip,
}, async () => {
  const { entry, client, Bucket, Key, standing } = await aPlace();
  await standing();
  const other = { ...entry, root: 'ab'.repeat(32) };

  const put = await client.send(new PutObjectCommand({ Bucket, Key, Body: entryText(other) }));
  const over = await standing();
  await client.send(new DeleteObjectCommand({ Bucket, Key, VersionId: put.VersionId }));
  const marker = await client.send(new DeleteObjectCommand({ Bucket, Key }));
  const deleted = await standing();
  await client.send(new DeleteObjectCommand({ Bucket, Key, VersionId: marker.VersionId }));
  const cleared = await standing();

  assert.equal(over?.state, 'conflict');
  assert.ok(
    'because' in over &&
      over.because.includes(`version ${put.VersionId}`) &&
      /put over what was sealed/.test(over.because),
  );
  assert.ok(deleted !== undefined && 'because' in deleted && /marks what was sealed as deleted/.test(deleted.because));
  assert.ok(cleared?.state === 'held' && cleared.guarantee === 'external-immutable');
});

test('whoever squats the name before the seal makes a conflict, and nothing of ours is put over it', {
  skip,
}, async () => {
  const { anchor, entry, client, Bucket, Key, standing } = await aPlace();
  const bodies = [
    '',
    'x',
    'x'.repeat(1_000_000),
    '{"format":"agora/anchor-entry/v1"}',
    entryText({ ...entry, size: 99 }),
  ];

  for (const Body of bodies) {
    const { VersionId } = await client.send(new PutObjectCommand({ Bucket, Key, Body }));

    await assert.rejects(anchor.record(entry), (error: unknown) => isAppError(error, 'refused'));
    const found = await standing();
    assert.ok(found?.state === 'conflict' && /the oldest/.test(found.because));
    assert.equal((await anchor.readBack(entry)).versions.length, 1);

    await client.send(new DeleteObjectCommand({ Bucket, Key, VersionId }));
  }
  assert.equal((await standing())?.state, 'held');
});

test('a bucket without lock takes no entry, and says what to do', { skip }, async () => {
  const { anchor, entry, standing } = await aPlace({ hasLock: false });

  await assert.rejects(anchor.record(entry), (error: unknown) => {
    return (
      isAppError(error, 'refused') && /has no Object Lock/.test(error.message) && /create-bucket/.test(error.next ?? '')
    );
  });
  assert.deepEqual(await standing(), {
    state: 'missing',
    because: 'it holds nothing of this run: nothing can be locked there',
  });
});

test('what others locked in mode GOVERNANCE, too short or not at all earns detect, whatever the bucket can', {
  skip,
}, async () => {
  const until = (ms: number) => ({ ObjectLockRetainUntilDate: new Date(Date.now() + ms) });
  const cases = [
    [{}, /no lock is on it$/],
    [{ ObjectLockMode: 'GOVERNANCE', ...until(dayMs) }, /mode GOVERNANCE/],
    [{ ObjectLockMode: 'COMPLIANCE', ...until(3_600_000) }, /0\.04 days, which is less than 1 day/],
  ] as const;
  for (const [lock, because] of cases) {
    const { entry, client, Bucket, Key, standing } = await aPlace();
    await client.send(new PutObjectCommand({ Bucket, Key, Body: entryText(entry), ...lock }));

    const found = await standing();

    assert.ok(found?.state === 'held' && found.guarantee === 'detect', JSON.stringify(found));
    assert.match(found.because, because);
  }
});

test('the lock that a bucket gives by default counts as what it is', { skip }, async () => {
  const cases = [
    ['COMPLIANCE', 1, 'external-immutable'],
    ['COMPLIANCE', 2, 'external-immutable'],
    ['GOVERNANCE', 2, 'detect'],
  ] as const;
  for (const [Mode, Days, guarantee] of cases) {
    const { entry, client, Bucket, Key, standing } = await aPlace();
    const ObjectLockConfiguration = {
      ObjectLockEnabled: 'Enabled',
      Rule: { DefaultRetention: { Mode, Days } },
    } as const;
    await client.send(new PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration }));
    await client.send(new PutObjectCommand({ Bucket, Key, Body: entryText(entry) }));

    const found = await standing();

    assert.ok(found?.state === 'held');
    assert.equal(found.guarantee, guarantee, `${Mode} ${Days}`);
  }
});

test('a lock that is over protects nothing any more', { skip }, async () => {
  const { anchor, entry } = await aPlace({ retentionDays: 2 / 86_400 });
  await anchor.record(entry);
  const { retainUntil = '' } = (await anchor.readBack(entry)).versions[0] ?? {};
  assert.notEqual(retainUntil, '');

  let found = (await anchorSeal(anchor, entry, signal)).standing;
  while (
    found?.state === 'held' &&
    found.guarantee === 'external-immutable' &&
    Date.now() < Date.parse(retainUntil) + 5_000
  ) {
    found = (await anchorSeal(anchor, entry, signal)).standing;
  }

  assert.ok(found?.state === 'held' && found.guarantee === 'detect');
  assert.match(found.because, /^its lock ended at/);
});

test('a machine whose clock is an hour off locks for the days given all the same', { skip }, async () => {
  for (const offMs of [3_600_000, -3_600_000]) {
    const { anchor, entry, standing } = await aPlace();
    const right = Date.now;
    const wrong = mock.method(Date, 'now', () => right() + offMs);
    const found = await standing();
    const { readAt } = await anchor.readBack(entry);
    wrong.mock.restore();

    assert.ok(found?.state === 'held' && found.guarantee === 'external-immutable', JSON.stringify(found));
    const lockedMs = Date.parse(found.lockedUntil) - Date.now();
    assert.ok(Math.abs(lockedMs - dayMs) < 60_000, `${lockedMs}`);
    assert.ok(Math.abs(Date.parse(readAt) - Date.now()) < 60_000, readAt);
  }
});

test('two seals of a run, from two machines: the first stays, the second is refused', { skip }, async () => {
  const { anchor, entry, standing } = await aPlace();
  await anchor.record(entry);
  const second = anchorEntryOf(entry.origin, await seal(aRun(), aSigner()));

  await assert.rejects(anchor.record(second), (error: unknown) => isAppError(error, 'refused'));

  assert.equal((await standing())?.state, 'held');
  assert.equal((await anchorSeal(anchor, second, signal)).evidence.state, 'conflict');
});

test('where it cannot ask it says why, in words of ours, and the entry waits', { skip }, async () => {
  const { server, Bucket, entry } = await aPlace();
  const wrongKeys = { ...(await server.addUser()), secretAccessKey: 'wrong' };
  const unknown = { accessKeyId: 'NOBODY', secretAccessKey: 'nothing' };
  const nobodyThere = new S3Client({ endpoint: 'http://127.0.0.1:9', region: 'us-east-1', credentials: unknown });
  const cases: [S3ObjectLockAnchor, AppError['code'], RegExp][] = [
    [
      new S3ObjectLockAnchor({ bucket: Bucket, client: server.client(wrongKeys) }),
      'refused',
      /secret key does not belong/,
    ],
    [new S3ObjectLockAnchor({ bucket: Bucket, client: server.client(unknown) }), 'refused', /access key is not known/],
    [
      new S3ObjectLockAnchor({ bucket: Bucket, client: server.client(await server.addUser()) }),
      'refused',
      /access is denied/,
    ],
    [anchorAt(server, 'no-such-bucket-here'), 'not-found', /no such bucket/],
    [new S3ObjectLockAnchor({ bucket: Bucket, client: nobodyThere }), 'unreachable', /does not answer/],
  ];
  for (const [anchor, code, state] of cases) {
    const { evidence, failure } = await anchorSeal(anchor, entry, signal);

    assert.equal(evidence.state, 'pending');
    assert.ok(failure instanceof AppError, String(failure));
    assert.equal(failure.code, code);
    assert.match(failure.message, state);
    if (/denied/.test(failure.message))
      assert.match(failure.next ?? '', /^Allow s3:PutObject, s3:PutObjectRetention, s3:List/);
  }
});

test('a service that takes locks and forgets them earns detect', async (t) => {
  const server = await startS3rver(t);
  const anchor = anchorAt(server, await server.makeBucket({ hasLock: true }));

  const { evidence, standing } = await anchorSeal(anchor, await anEntry(), signal);

  assert.equal(evidence.state, 'held');
  assert.deepEqual(standing, {
    state: 'held',
    guarantee: 'detect',
    because: 'the store lists no versions and tells of no lock',
  });
});

test('a part of a day is a whole number of milliseconds, which a bundle can hold', async (t) => {
  const server = await startS3rver(t);
  const anchor = anchorAt(server, await server.makeBucket(), { retentionDays: 1 / 7 });

  const { retentionMs } = await anchor.readBack(await anEntry());

  assert.equal(retentionMs, 12_342_858);
});

test('options that make no sense are refused when the anchor is made, and its name says where it is', () => {
  const bad = [
    { bucket: 'Not A Bucket' },
    { bucket: 'audit', retentionDays: 0 },
    { bucket: 'audit', retentionDays: Number.NaN },
    { bucket: 'audit', retentionDays: 40_000 },
    { bucket: 'audit', id: 'local' },
    { bucket: 'audit', id: 'a b' },
    { bucket: 'audit', prefix: '../up' },
  ];
  for (const options of bad) {
    assert.throws(
      () => new S3ObjectLockAnchor(options),
      (error: unknown) => isAppError(error, 'invalid-input'),
    );
  }
  assert.equal(new S3ObjectLockAnchor({ bucket: 'audit' }).id, 's3:audit');
  assert.equal(new S3ObjectLockAnchor({ bucket: 'audit', prefix: 'team/a' }).id, 's3:audit/team/a');
});

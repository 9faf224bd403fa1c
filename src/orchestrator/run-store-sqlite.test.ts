import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { deploymentId } from '../../test/support/board.ts';
import { isAppError } from '../contracts/errors.ts';
import { artifactRef, deploymentIdSchema, digestSchema, dispatchIdSchema, runIdSchema } from '../contracts/ids.ts';
import type { Commit, StoredItem, StoredRun } from './run-store.ts';
import { migrations } from './run-store-schema.ts';
import { SqliteRunStateStore } from './run-store-sqlite.ts';

const runId = runIdSchema.parse('run-1');
const schemaVersion = migrations.length;

function aStoredRun(more: Partial<StoredRun> = {}): StoredRun {
  return {
    runId,
    planText: '{}',
    planDigest: digestSchema.parse(`sha256:${'0'.repeat(64)}`),
    actor: 'human:test',
    submittedAt: '2026-01-01T00:00:00.000Z',
    source: undefined,
    enforceLocks: false,
    age: 1,
    status: 'running',
    cancelledBy: undefined,
    nextSequence: 1,
    previousHash: 'ab',
    statusSequence: 1,
    isClosed: false,
    ...more,
  };
}

function aStoredItem(more: Partial<StoredItem> = {}): StoredItem {
  return {
    index: 0,
    status: 'running',
    attempt: 1,
    failures: 0,
    losses: 0,
    dueAt: undefined,
    reason: undefined,
    resultRef: undefined,
    artifacts: [],
    doneAt: undefined,
    isCancelling: false,
    inquiry: undefined,
    isHumanTouched: false,
    usage: undefined,
    ...more,
  };
}

const dispatchId = dispatchIdSchema.parse(`d-${'a'.repeat(26)}`);
const ref = artifactRef('default', dispatchId, digestSchema.parse(`sha256:${'1'.repeat(64)}`));
const asked: Partial<StoredItem> = {
  inquiry: {
    question: { dispatchId, question: 'Which?', options: ['a', 'b'], context: { file: 'x' }, ref, isCut: true },
    partialPatch: ref,
    session: ref,
    sessionId: 's-1',
    answer: { ref, actor: 'human:test', at: '2026-01-01T00:00:00.000Z' },
    isHumanTouched: true,
  },
  isHumanTouched: true,
  usage: { models: ['m'], inputTokens: 1, outputTokens: 2, cacheReadTokens: 3, cacheWriteTokens: 4, costMicroUsd: 5 },
};

function aCommit(more: Partial<Commit> = {}): Commit {
  return { newRuns: [], runs: [], items: [], records: [], manifests: [], outbox: [], deliveredUpTo: 0, ...more };
}

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-store-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function openStore(t: TestContext, folder: string): Promise<SqliteRunStateStore> {
  const store = new SqliteRunStateStore({ file: join(folder, 'state.db') });
  await store.open(deploymentId);
  t.after(() => store.close());
  return store;
}

test('what was committed is there after the store was closed and opened again', async (t) => {
  const folder = await folderFor(t);
  const first = await openStore(t, folder);
  const run = aStoredRun();
  const item = aStoredItem({ reason: 'because', dueAt: 5, doneAt: 3, isCancelling: true, ...asked });
  await first.commit(
    aCommit({
      newRuns: [run],
      items: [{ runId, item }],
      records: [{ runId, sequence: 0, text: 'record' }],
      manifests: [{ runId, itemIndex: 0, attempt: 1, text: 'manifest' }],
      outbox: [{ key: 'k', text: 'message' }],
    }),
  );
  await first.close();

  const second = await openStore(t, folder);

  assert.deepEqual(await second.loadUnpublished(), [{ run, phase: 'live', items: [item] }]);
  assert.deepEqual(await second.pendingOutbox(0, 10), [{ id: 1, key: 'k', text: 'message' }]);
  assert.deepEqual(await second.readLog(runId), { run, recordTexts: ['record'], manifestTexts: ['manifest'] });
  assert.equal(await second.nextAge(), 2);
});

test('a commit that fails part way changes nothing', async (t) => {
  const store = await openStore(t, await folderFor(t));
  const record = { runId, sequence: 0, text: 'record' };
  await store.commit(aCommit({ newRuns: [aStoredRun()], records: [record] }));

  await assert.rejects(
    store.commit(
      aCommit({ outbox: [{ key: 'k', text: 'x' }], items: [{ runId, item: aStoredItem() }], records: [record] }),
    ),
  );

  assert.deepEqual((await store.loadUnpublished())[0]?.items, []);
  assert.deepEqual(await store.pendingOutbox(0, 10), []);
});

test('the first seal of a run is kept, whoever comes later', async (t) => {
  const store = await openStore(t, await folderFor(t));
  await store.commit(aCommit({ newRuns: [aStoredRun()] }));
  const seal = { runId, digest: 'sha256:1', root: 'r', size: 1, sealedAt: 'a' } as unknown as Parameters<
    typeof store.keepSeal
  >[1];

  const kept = await store.keepSeal(runId, seal);
  const later = await store.keepSeal(runId, { ...seal, root: 'other' });

  assert.deepEqual(kept, seal);
  assert.deepEqual(later, seal);
});

test('a published run owes its anchors the seal until it is said to be anchored', async (t) => {
  const folder = await folderFor(t);
  const store = await openStore(t, folder);
  const other = runIdSchema.parse('run-2');
  await store.commit(aCommit({ newRuns: [aStoredRun(), aStoredRun({ runId: other, age: 2 })] }));

  await store.markPublished(runId, [], true);
  await store.markPublished(other, [], false);
  await store.close();
  const second = await openStore(t, folder);

  assert.deepEqual(await second.runsOwingAnchors(), [runId]);
  await second.markAnchored(runId);
  assert.deepEqual(await second.runsOwingAnchors(), []);
});

test('messages are forgotten once a later commit says they were delivered', async (t) => {
  const store = await openStore(t, await folderFor(t));
  await store.commit(
    aCommit({
      outbox: [
        { key: 'a', text: '1' },
        { key: 'b', text: '2' },
      ],
    }),
  );

  await store.commit(aCommit({ deliveredUpTo: 1 }));

  assert.deepEqual(
    (await store.pendingOutbox(0, 10)).map((message) => message.key),
    ['b'],
  );
});

test('a second daemon on the same folder is refused and told who is there', async (t) => {
  const folder = await folderFor(t);
  await openStore(t, folder);

  await assert.rejects(
    new SqliteRunStateStore({ file: join(folder, 'state.db') }).open(deploymentId),
    (error) => isAppError(error, 'daemon-running') && error.message.includes(`process ${process.pid} on`),
  );
});

const column = (name: string) => `ALTER TABLE items DROP COLUMN ${name}`;
/** What takes away what each version added; the first made the tables. */
const undone: readonly (readonly string[])[] = [
  [],
  [column('is_cancelling')],
  ['inquiry', 'is_human_touched', 'usage'].map(column),
  ['DROP TABLE owed_anchors'],
];

test('there is an older version to come from for each step of the schema', () => {
  assert.equal(undone.length, schemaVersion);
});

for (let version = 1; version < schemaVersion; version++) {
  test(`a database of version ${version} is brought up to this one with everything in it`, async (t) => {
    const folder = await folderFor(t);
    const first = await openStore(t, folder);
    const item = aStoredItem({ status: 'ready', reason: 'because' });
    await first.commit(aCommit({ newRuns: [aStoredRun()], items: [{ runId, item }] }));
    await first.close();
    const database = new DatabaseSync(join(folder, 'state.db'));
    for (const statement of undone.slice(version).flat()) database.exec(statement);
    database.exec(`PRAGMA user_version = ${version}`);
    database.close();

    const second = await openStore(t, folder);
    const changed = { ...item, ...asked, isCancelling: true };
    await second.commit(aCommit({ items: [{ runId, item: { ...changed, index: 1 } }] }));

    assert.deepEqual((await second.loadUnpublished())[0]?.items, [item, { ...changed, index: 1 }]);
  });
}

test('a database of a newer version is refused untouched, with the next step', async (t) => {
  const folder = await folderFor(t);
  const file = join(folder, 'state.db');
  const newer = new DatabaseSync(file);
  newer.exec(`CREATE TABLE of_tomorrow (x); PRAGMA user_version = ${schemaVersion + 1}`);
  newer.close();

  await assert.rejects(
    new SqliteRunStateStore({ file }).open(deploymentId),
    (error) => isAppError(error, 'state-newer') && error.next?.includes('newer Agora') === true,
  );
  const after = new DatabaseSync(file, { readOnly: true });
  t.after(() => after.close());
  assert.deepEqual(
    after
      .prepare('SELECT name FROM sqlite_schema')
      .all()
      .map((row) => row['name']),
    ['of_tomorrow'],
  );
});

test('a file that is no database is reported with the next step and left as it is', async (t) => {
  const folder = await folderFor(t);
  const file = join(folder, 'state.db');
  await writeFile(file, 'not a database, but long enough to look at '.repeat(50));

  await assert.rejects(
    new SqliteRunStateStore({ file }).open(deploymentId),
    (error) => isAppError(error, 'state-corrupt') && error.next?.includes('Move the file aside') === true,
  );
  assert.match(await readFile(file, 'utf8'), /^not a database/);
});

test('a state folder that was given another deployment id is refused', async (t) => {
  const folder = await folderFor(t);
  const store = await openStore(t, folder);
  await store.close();

  await assert.rejects(
    new SqliteRunStateStore({ file: join(folder, 'state.db') }).open(deploymentIdSchema.parse('f'.repeat(32))),
    (error) => isAppError(error, 'state-corrupt'),
  );
});

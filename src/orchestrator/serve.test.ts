import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { doneOutcome } from '../../test/support/board.ts';
import { aDaemon, type TestDaemon } from '../../test/support/daemon.ts';
import { readTrustFile } from '../audit/trust.ts';
import { verifyBundle } from '../audit/verify/verify.ts';
import { waitUntil } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import { type RunId, runIdSchema } from '../contracts/ids.ts';
import { mailboxKeys } from '../contracts/mailbox.ts';
import type { AttemptOutcome } from './executor.ts';

const failedOutcome: AttemptOutcome = {
  outcome: 'failed',
  code: 'exit-nonzero',
  message: 'exit code 3',
  exitCode: 3,
  durationMs: 1,
  artifacts: [],
};

async function bundleOf(daemon: TestDaemon, runId: RunId) {
  const text = (await daemon.transport.auditText(runId)) ?? '';
  const trust = await readTrustFile(join(daemon.folder, 'trust.json'));
  return { bundle: JSON.parse(text), report: await verifyBundle(text, { trust }) };
}

test('a run goes from the inbox to a bundle that verifies, and each turn is told once', async (t) => {
  const daemon = await aDaemon(t);

  const runId = await daemon.submit('run-1', [{ id: 'a' }, { id: 'b', depends_on: ['a'] }]);
  (await daemon.executor.attempt('a')).end();
  (await daemon.executor.attempt('b')).end();
  const last = await daemon.ended(runId);

  assert.deepEqual(
    (await daemon.statuses(runId)).map(({ status, items }) => [status, ...items.map((item) => item.status)]),
    [
      ['queued', 'ready', 'pending'],
      ['running', 'running', 'pending'],
      ['running', 'done', 'running'],
      ['done', 'done', 'done'],
    ],
  );
  assert.deepEqual(last.items[1], { id: 'b', status: 'done', attempt: 1, blockedBy: [] });
  const { report } = await bundleOf(daemon, runId);
  assert.equal(report.intact, true);
  assert.equal(report.guarantee, 'detect');
  await waitUntil(
    'an empty inbox',
    async () => (await daemon.transport.mailbox.list(mailboxKeys.submissions)).length === 0,
  );
});

test('the bundle is there before the terminal status is', async (t) => {
  const daemon = await aDaemon(t);
  const runId = await daemon.submit('run-1', [{ id: 'a' }]);
  (await daemon.executor.attempt('a')).end();

  await daemon.ended(runId);

  assert.notEqual(await daemon.transport.auditText(runId), undefined);
});

test('a worker is removed only after its result was committed', async (t) => {
  const daemon = await aDaemon(t);
  const runId = await daemon.submit('run-1', [{ id: 'a' }]);
  const attempt = await daemon.executor.attempt('a');

  attempt.end();
  await daemon.ended(runId);

  await waitUntil('the release', () => attempt.isReleased);
});

test('a run whose item failed once and then succeeded verifies with both attempts in its bundle', async (t) => {
  const daemon = await aDaemon(t);
  const runId = await daemon.submit('run-1', [{ id: 'a', retry: { attempts: 2, delaySeconds: 0 } }]);

  (await daemon.executor.attempt('a', 1)).end(failedOutcome);
  (await daemon.executor.attempt('a', 2)).end();
  await daemon.ended(runId);

  const { bundle, report } = await bundleOf(daemon, runId);
  assert.equal(report.intact, true);
  assert.deepEqual(
    bundle.manifests.map((manifest: { attempt: number }) => manifest.attempt),
    [1, 2],
  );
});

test('a run whose items all fail has the reason, exit code and attempt of each in its bundle', async (t) => {
  const daemon = await aDaemon(t);
  const runId = await daemon.submit('run-1', [{ id: 'a' }, { id: 'b' }]);

  (await daemon.executor.attempt('a')).end(failedOutcome);
  (await daemon.executor.attempt('b')).end({ ...failedOutcome, code: 'timeout', message: 'took too long' });
  const last = await daemon.ended(runId);

  const { bundle, report } = await bundleOf(daemon, runId);
  assert.equal(last.status, 'failed');
  assert.equal(report.intact, true);
  assert.deepEqual(bundle.items, [
    { id: 'a', status: 'failed', attempt: 1, reason: 'exit-nonzero: exit code 3' },
    { id: 'b', status: 'failed', attempt: 1, reason: 'timeout: took too long' },
  ]);
  const results = bundle.auditLog.entries.filter((entry: { kind: string }) => entry.kind === 'item.result');
  assert.deepEqual(
    results.map((entry: { body: { exitCode: number } }) => entry.body.exitCode),
    [3, 3],
  );
});

test('what is wrong with a submission is published and the daemon goes on', async (t) => {
  const daemon = await aDaemon(t);
  const bad = await daemon.submit('bad', [
    { id: 'a', depends_on: ['nobody'] },
    { id: 'b', colour: 'red' },
  ]);
  const other = await daemon.submit('other', [{ id: 'a' }], { id: 'not-other' });

  const rejected = await waitUntil('the rejection', () => daemon.transport.rejected(bad));
  const mismatched = await waitUntil('the rejection', () => daemon.transport.rejected(other));
  const good = await daemon.submit('good', [{ id: 'a' }]);
  (await daemon.executor.attempt('a')).end();

  assert.deepEqual(
    rejected.problems.map(({ path }) => path),
    ['items[1].colour', 'items[0].depends_on[0]'],
  );
  assert.deepEqual(
    mismatched.problems.map(({ path }) => path),
    ['id'],
  );
  assert.equal((await daemon.ended(good)).status, 'done');
});

test('hostile messages are rejected or dropped, and nothing of them stays in the inbox', async (t) => {
  const daemon = await aDaemon(t);
  const { mailbox } = daemon.transport;
  const ids = ['text', 'keys', 'deep', 'huge'].map((id) => runIdSchema.parse(id));
  const [text, keys, deep, huge] = ids as [RunId, RunId, RunId, RunId];
  await mailbox.put(mailboxKeys.submission(text, 'x'), 'not json');
  await mailbox.put(mailboxKeys.submission(keys, 'x'), '{"plan":{"id":"keys","id":"keys2"}}');
  await mailbox.put(mailboxKeys.submission(deep, 'x'), `{"plan":${'['.repeat(200_000)}`);
  await mailbox.put(mailboxKeys.submission(huge, 'x'), 'x'.repeat(70 * 1024 * 1024));
  await mailbox.put(mailboxKeys.controlMessage(text, 'x'), '{}');

  const rejected = await Promise.all(
    ids.map((id) => waitUntil(`the rejection of ${id}`, () => daemon.transport.rejected(id))),
  );

  assert.ok(rejected.every((rejection) => rejection.problems.length === 1));
  assert.equal(rejected[1]?.problems[0]?.path, 'id');
  await waitUntil('an empty inbox', async () => {
    const left = [...(await mailbox.list(mailboxKeys.submissions)), ...(await mailbox.list(mailboxKeys.control))];
    return left.length === 0;
  });
});

test('the same plan submitted again is the same run; another plan under its id is dropped', async (t) => {
  const daemon = await aDaemon(t);
  const runId = await daemon.submit('run-1', [{ id: 'a' }]);
  const attempt = await daemon.executor.attempt('a');

  await daemon.submit('run-1', [{ id: 'a' }]);
  await waitUntil('the line', () => daemon.lines.some((line) => line.includes('it is the same run')));
  await daemon.submit('run-1', [{ id: 'b' }]);
  await waitUntil('the line', () => daemon.lines.some((line) => line.includes('another plan was submitted')));
  attempt.end();

  assert.equal((await daemon.ended(runId)).status, 'done');
  assert.equal(daemon.executor.started.length, 1);
  assert.equal(await daemon.transport.rejected(runId), undefined);
});

test('a run that waits for its engine says so, and starts when the engine is back', async (t) => {
  const daemon = await aDaemon(t);
  daemon.executor.unreachable = new AppError('unreachable', 'Cannot reach engine "x": it does not answer');
  const runId = await daemon.submit('run-1', [{ id: 'a' }]);

  await waitUntil('the reason', async () =>
    (await daemon.statuses(runId)).at(-1)?.reason?.includes('Cannot reach engine'),
  );
  daemon.executor.unreachable = undefined;
  (await daemon.executor.attempt('a')).end();

  assert.equal((await daemon.ended(runId)).reason, undefined);
  const told = daemon.lines.filter((line) => line.includes('waits: '));
  assert.deepEqual(told, ['run run-1: waits: Cannot reach engine "x": it does not answer']);
});

test('a cancelled run stops what runs and ends cancelled', async (t) => {
  const daemon = await aDaemon(t);
  const runId = await daemon.submit('run-1', [{ id: 'a' }, { id: 'b', depends_on: ['a'] }]);
  const attempt = await daemon.executor.attempt('a');
  attempt.signals.stop.addEventListener('abort', () =>
    attempt.end({ outcome: 'stopped', durationMs: 1, artifacts: [] }),
  );

  await daemon.transport.control('c1', { kind: 'cancel', runId, actor: 'human:test', at: new Date().toISOString() });
  const last = await daemon.ended(runId);

  assert.equal(last.status, 'cancelled');
  assert.deepEqual(
    last.items.map((item) => item.status),
    ['cancelled', 'cancelled'],
  );
  assert.equal((await bundleOf(daemon, runId)).report.intact, true);
});

test('a cancel sent right after a submission finds its run', async (t) => {
  const daemon = await aDaemon(t);
  await daemon.stop();
  const runId = await daemon.submit('run-1', [{ id: 'a' }]);
  await daemon.transport.control('c1', { kind: 'cancel', runId, actor: 'human:test', at: new Date().toISOString() });

  daemon.start();

  assert.equal((await daemon.ended(runId)).status, 'cancelled');
});

test('a daemon that was stopped leaves running work, and the next one follows it to its end', async (t) => {
  const daemon = await aDaemon(t);
  const runId = await daemon.submit('run-1', [{ id: 'a' }, { id: 'b', depends_on: ['a'] }]);
  await daemon.executor.attempt('a');
  await daemon.stop();

  daemon.start();
  const resumed = await waitUntil('the resumed attempt', () =>
    daemon.executor.started.find((attempt) => attempt.isResumed),
  );
  resumed.end();
  (await daemon.executor.attempt('b')).end();

  assert.equal((await daemon.ended(runId)).status, 'done');
  assert.equal(resumed.request.attempt, 1);
  const { report } = await bundleOf(daemon, runId);
  assert.deepEqual([report.intact, report.gaps], [true, 1]);
});

test('a large run tells its watchers what changed, and the whole at its start and end', async (t) => {
  const daemon = await aDaemon(t);
  const items = Array.from({ length: 201 }, (_, index) => ({ id: `i${index}` }));
  const runId = await daemon.submit('run-1', items);

  for (const { id } of items) (await daemon.executor.attempt(id)).end(doneOutcome);
  await daemon.ended(runId);

  const statuses = await daemon.statuses(runId);
  assert.equal(statuses[0]?.items.length, 201);
  assert.equal(statuses.at(-1)?.items.length, 201);
  assert.ok(statuses.slice(1, -1).every((status) => status.partial === true && status.items.length < 10));
});

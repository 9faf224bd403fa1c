import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { aRun, context, deploymentId, Scheduler } from '../../test/support/board.ts';
import { FaultyStorage } from '../../test/support/faulty-storage.ts';
import { waitUntil } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import { outNames } from '../contracts/names.ts';
import { readRecord } from '../dispatch/records.ts';
import { anEcho, placeForTests } from '../dispatch/suite-place.ts';
import { requestOf } from './attempt-request.ts';
import { DispatchExecutor } from './dispatch-executor.ts';
import type { AttemptSignals, ExecutorRun } from './executor.ts';

const refused = new AppError('refused', 'Cannot store: the sign-in is over', { next: 'Sign in.' });
const never = new AbortController().signal;

/** A run of one item, and the request to fire it. */
function aFiredItem() {
  const run = aRun({ items: [{ id: 'a', executor: 'dispatch', inputs: { subagent: 'echo' } }] });
  new Scheduler().admit(run);
  const [node] = run.items;
  assert.ok(node);
  const declarations = {
    queues: {},
    executors: ['dispatch'],
    targets: ['held'],
    subagents: { echo: { ...anEcho, command: ['true'] } },
    enforceLocks: false,
    defaults: {},
  };
  const opened: ExecutorRun = {
    deploymentId,
    runId: run.runId,
    plan: run.plan,
    actor: run.actor,
    source: undefined,
    enforceLocks: false,
    declarations,
    allowUnsandboxed: false,
    workFolder: join(tmpdir(), 'agora-no-such-work'),
    onLine: () => undefined,
  };
  return { opened, request: requestOf(node, context.dispatchIdOf(node, node.attempt)) };
}

test('work that ends while the storage lets nobody in is kept, its item says why it waits, and goes on', async (t) => {
  const place = await placeForTests(t);
  const storage = new FaultyStorage(place.storage);
  const { opened, request } = aFiredItem();
  const execution = await new DispatchExecutor({ client: { ...place, storage }, target: 'held' }).open(opened);
  const reasons: (string | undefined)[] = [];
  const onWaiting = (reason: string | undefined) => void reasons.push(reason);
  const signals: AttemptSignals = { stop: never, detach: never, expired: never, onWaiting };
  const fired = { manifest: execution.manifest(request), isResumed: false };
  const executing = execution.execute(request, fired, signals);
  await waitUntil('its start', () => place.compute.tasks.has(request.dispatchId));

  storage.failure = refused;
  place.compute.end(request.dispatchId, {}, { [outNames.patch]: 'no patch' });
  await waitUntil('the reason', () => reasons.includes(refused.message));
  storage.failure = undefined;

  const ended = await executing;
  assert.deepEqual([ended?.outcome.code, reasons.at(-1)], ['integrity', undefined]);
  assert.equal((await readRecord(place, request.dispatchId))?.status, 'failed');
});

test('a worker found again while the storage lets nobody in keeps what its record says of its start', async (t) => {
  const place = await placeForTests(t);
  const storage = new FaultyStorage(place.storage);
  const { opened, request } = aFiredItem();
  const execution = await new DispatchExecutor({ client: { ...place, storage }, target: 'held' }).open(opened);
  const signals: AttemptSignals = { stop: never, detach: never, expired: never };
  const manifest = execution.manifest(request);
  const left = new AbortController();
  const leaving = execution.execute(request, { manifest, isResumed: false }, { ...signals, detach: left.signal });
  const recorded = () => readRecord(place, request.dispatchId);
  const before = await waitUntil('the start', async () => {
    const record = await recorded();
    return record?.status === 'running' ? record : undefined;
  });
  left.abort('leave');
  assert.equal(await leaving, undefined);

  storage.failure = refused;
  const executing = execution.execute(request, { manifest, isResumed: true }, signals);
  await waitUntil('a look at the record', () => storage.failed > 0);
  storage.failure = undefined;
  place.compute.end(request.dispatchId);

  assert.equal((await executing)?.outcome.outcome, 'done');
  const { acceptedAt, startedAt, providerId } = (await recorded()) ?? {};
  assert.deepEqual([acceptedAt, startedAt, providerId], [before.acceptedAt, before.startedAt, before.providerId]);
});

test('a daemon that starts while the storage lets nobody in opens its runs later', async (t) => {
  const place = await placeForTests(t);
  const storage = new FaultyStorage(place.storage);
  storage.failure = refused;
  const executor = new DispatchExecutor({ client: { ...place, storage }, target: 'held' });

  await assert.rejects(executor.open(aFiredItem().opened), { code: 'unreachable', message: refused.message });
});

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { environmentNames } from '../../src/contracts/names.ts';
import { type PrivateEngine, privateEngineObstacle, startPrivateEngine } from '../support/private-engine.ts';
import { dockerPlace, type ProviderPlace, printed } from '../support/provider-place.ts';
import {
  dispatchOf,
  intactBundle,
  item,
  outcomes,
  patience,
  shellProject,
  statusesOf,
  submit,
  watched,
} from '../support/shell-project.ts';

const obstacle = await privateEngineObstacle();
if (obstacle !== undefined && process.env[environmentNames.requireEngine] === '1') {
  throw new Error(`A private container engine is required (${environmentNames.requireEngine}=1): ${obstacle}`);
}

describe('an engine that goes away', { skip: obstacle ?? false }, () => {
  let engine: PrivateEngine;
  let place: ProviderPlace;

  before(async () => {
    engine = await startPrivateEngine();
    place = dockerPlace(engine.host, false);
  });
  after(() => engine.close());

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    test(`${signal} of the engine while an item runs: it is lost and tried again, and the run is done`, async (t) => {
      const project = await shellProject(t, place.compute);
      await project.serve();
      const runId = await submit(project, signal.toLowerCase(), [
        item('a', 'echo begun; sleep 4; echo over > over.txt', { retry: { attempts: 1, delaySeconds: 0 } }),
        item('b', 'grep -q over over.txt', { depends_on: ['a'] }),
      ]);
      await printed(place, project, await dispatchOf(project, runId, 'a'), 'begun');

      await engine.stop(signal);
      await engine.start();
      const ended = await watched(project, runId);

      assert.equal(ended.code, 0, JSON.stringify(ended.records.at(-1)));
      const bundle = await intactBundle(project, runId);
      assert.deepEqual(
        outcomes(bundle, 'a').map(([outcome, code]) => [outcome, code]),
        [
          ['lost', 'worker-lost'],
          ['done', undefined],
        ],
      );
      assert.deepEqual(
        bundle.auditLog.entries
          .filter(({ kind }) => kind === 'audit.gap')
          .map(({ item: id, attempt }) => [id, attempt]),
        [['a', 1]],
      );
    });
  }

  test('a run submitted while the engine is away says what it waits for, and starts when it is back', async (t) => {
    const project = await shellProject(t, place.compute);
    await project.serve();
    await engine.stop();

    const runId = await submit(project, 'early', [item('a', 'true')]);
    const watching = watched(project, runId);
    const held = await waitUntil(
      'the reason',
      async () => (await statusesOf(project, runId)).find(({ reason }) => reason !== undefined),
      patience,
    );
    await engine.start();
    const ended = await watching;

    assert.match(held.reason ?? '', /Cannot .*no engine answers at/);
    assert.deepEqual(held.items[0]?.blockedBy, ['target:local']);
    assert.equal(ended.code, 0);
    assert.ok(
      ended.records.some(({ reason }) => reason === held.reason),
      'a watcher sees it too',
    );
    assert.deepEqual(outcomes(await intactBundle(project, runId), 'a'), [['done', undefined, 0]]);
  });

  test('a daemon started while the engine of its workers is away waits for it and goes on', async (t) => {
    const project = await shellProject(t, place.compute);
    const first = await project.serve();
    const runId = await submit(project, 'late', [
      item('a', 'echo begun; sleep 600', { retry: { delaySeconds: 0 }, timeoutSeconds: 600 }),
      item('b', 'true'),
    ]);
    const dispatchId = await dispatchOf(project, runId, 'a');
    await printed(place, project, dispatchId, 'begun');
    first.child.kill('SIGKILL');
    await first.finished;
    await engine.stop();

    const second = await project.serve();
    const held = await waitUntil(
      'the reason',
      async () => (await statusesOf(project, runId)).find(({ reason }) => reason !== undefined),
      patience,
    );
    await project.agora(['orch', 'cancel', runId, 'a']);
    await engine.start();
    const ended = await watched(project, runId);

    assert.match(held.reason ?? '', /Cannot reach engine .*workers of an earlier daemon/);
    assert.deepEqual(ended.statuses, { a: 'cancelled', b: 'done' });
    await intactBundle(project, runId);
    assert.equal(await place.workerOf(project, dispatchId), undefined);
    second.child.kill('SIGTERM');
    assert.equal((await second.finished).code, 0);
  });

  test('a daemon whose engine is away ends within five seconds of SIGTERM, whatever it was about to do', async (t) => {
    const project = await shellProject(t, place.compute);
    const daemon = await project.serve();
    const runId = await submit(project, 'leaving', [
      item('a', 'echo begun; sleep 600', { retry: { delaySeconds: 0 } }),
    ]);
    await printed(place, project, await dispatchOf(project, runId, 'a'), 'begun');
    await engine.stop();
    await project.agora(['orch', 'cancel', runId]);

    const askedAt = performance.now();
    daemon.child.kill('SIGTERM');
    const { code, stderr } = await daemon.finished;

    assert.ok(performance.now() - askedAt < 6_000, `took ${performance.now() - askedAt} ms`);
    assert.equal(code, 0, stderr);
    await engine.start();
    await project.serve();
    assert.deepEqual((await watched(project, runId)).statuses, { a: 'cancelled' });
    await intactBundle(project, runId);
  });
});

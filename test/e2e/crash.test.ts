import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { mailboxKeys } from '../../src/contracts/mailbox.ts';
import type { Project, Running } from '../support/project.ts';
import { type ProviderPlace, printed, providerPlaces } from '../support/provider-place.ts';
import {
  artifactText,
  dispatchOf,
  intactBundle,
  item,
  outcomes,
  patience,
  seen,
  shellProject,
  submit,
  transportOf,
  watched,
} from '../support/shell-project.ts';

const once = { retry: { attempts: 1, lostAttempts: 1, delaySeconds: 0 } };
const soon = { retry: { delaySeconds: 0 } };
const long = 'echo begun; sleep 3; echo over > over.txt';

for (const place of await providerPlaces()) {
  const outlives = place.name === 'docker';

  describe(`on ${place.name}`, { skip: place.skip }, () => {
    test('after kill -9 of the daemon the next one completes the run, and no item ran twice at once', async (t) => {
      const project = await shellProject(t, place.compute);
      const first = await project.serve();
      const runId = await submit(project, 'killed', [
        item('a', long, soon),
        item('b', long, soon),
        item('c', 'cat over.txt', { depends_on: ['a'] }),
      ]);
      const workers = await Promise.all(
        ['a', 'b'].map(async (id) => {
          const dispatchId = await dispatchOf(project, runId, id);
          await printed(place, project, dispatchId, 'begun');
          return place.workerOf(project, dispatchId);
        }),
      );

      await killed(first);
      const watching = watchForDoubles(place, project, runId, ['a', 'b']);
      await project.serve();
      const ended = await watched(project, runId);

      assert.equal(ended.code, 0, JSON.stringify(ended.statuses));
      const { workersOf, doubles } = await watching.stop();
      assert.deepEqual(doubles, []);
      const bundle = await intactBundle(project, runId);
      for (const [index, id] of ['a', 'b'].entries()) {
        if (outlives) {
          assert.deepEqual(outcomes(bundle, id), [['done', undefined, 0]]);
          assert.deepEqual([...workersOf(id)], [workers[index]]);
        } else {
          assert.deepEqual(
            outcomes(bundle, id).map(([outcome, code]) => [outcome, code]),
            [
              ['lost', 'worker-lost'],
              ['done', undefined],
            ],
          );
        }
      }
    });

    test('SIGTERM ends the daemon at once with exit code 0, and costs no item an attempt of its own', async (t) => {
      const project = await shellProject(t, place.compute);
      const first = await project.serve();
      const runId = await submit(project, 'stopped', [item('a', long, once), item('b', 'true', { depends_on: ['a'] })]);
      const dispatchId = await dispatchOf(project, runId, 'a');
      await printed(place, project, dispatchId, 'begun');
      const worker = await place.workerOf(project, dispatchId);

      const askedAt = performance.now();
      first.child.kill('SIGTERM');
      const { code } = await first.finished;
      const tookMs = performance.now() - askedAt;
      const workerAfter = await place.workerOf(project, dispatchId);
      await project.serve();
      const ended = await watched(project, runId);

      assert.equal(code, 0);
      assert.ok(tookMs < 5_000, `took ${tookMs} ms`);
      assert.equal(workerAfter, outlives ? worker : undefined);
      assert.equal(ended.code, 0, JSON.stringify(ended.statuses));
      assert.deepEqual(
        outcomes(await intactBundle(project, runId), 'a').map(([outcome, reason]) => [outcome, reason]),
        outlives
          ? [['done', undefined]]
          : [
              ['stopped', 'interrupted'],
              ['done', undefined],
            ],
      );
    });

    test('a draining daemon waits for what runs, and starts nothing more', async (t) => {
      const project = await shellProject(t, place.compute, { concurrency: 1 });
      const first = await project.serve(['--drain']);
      const runId = await submit(project, 'drained', [item('a', long, once), item('b', 'true', { depends_on: ['a'] })]);
      await printed(place, project, await dispatchOf(project, runId, 'a'), 'begun');

      first.child.kill('SIGTERM');
      const { code } = await first.finished;
      const a = await seen(project, runId, 'a', ({ status }) => status === 'done');
      const b = await seen(project, runId, 'b', ({ status }) => status === 'ready');
      await project.serve();

      assert.deepEqual([code, a.attempt, b.attempt], [0, 1, 0]);
      assert.equal((await watched(project, runId)).code, 0);
    });

    test('a second signal stops the workers, and the next daemon runs their items again', async (t) => {
      const project = await shellProject(t, place.compute);
      const first = await project.serve(['--drain']);
      const dispatches = [];
      const runId = await submit(project, 'twice', [item('a', `${long}; sleep 2`, once)]);
      dispatches.push(await dispatchOf(project, runId, 'a'));
      await printed(place, project, dispatches[0] as never, 'begun');

      first.child.kill('SIGTERM');
      await waitUntil('a later moment', secondsFromNow(0.5), patience);
      first.child.kill('SIGTERM');
      const { code, stderr } = await first.finished;

      assert.equal(code, 0, stderr);
      assert.equal(await place.workerOf(project, dispatches[0] as never), undefined);
      await project.serve();
      assert.equal((await watched(project, runId)).code, 0);
      assert.deepEqual(
        outcomes(await intactBundle(project, runId), 'a').map(([outcome, reason]) => [outcome, reason]),
        [
          ['stopped', 'interrupted'],
          ['done', undefined],
        ],
      );
    });

    test('cancelling an item or a run ends its worker, also one that will not listen, and keeps what it wrote', async (t) => {
      const project = await shellProject(t, place.compute);
      await project.serve();
      const polite =
        "trap 'echo asked > asked.txt; exit 1' TERM; echo part > part.txt; echo begun; while :; do sleep 0.1; done";
      const deaf = "trap '' TERM; echo part > part.txt; echo begun; while :; do sleep 0.1; done";
      const runId = await submit(project, 'cancelled', [
        item('polite', polite, soon),
        item('deaf', deaf, soon),
        item('after', 'true', { depends_on: ['polite'] }),
        item('later', 'sleep 600'),
      ]);
      const dispatches = await Promise.all(['polite', 'deaf'].map((id) => dispatchOf(project, runId, id)));
      for (const dispatchId of dispatches) await printed(place, project, dispatchId, 'begun');

      await project.agora(['orch', 'cancel', runId, 'polite']);
      const polited = await seen(project, runId, 'polite', ({ status }) => status === 'cancelled');
      const others = await seen(project, runId, 'deaf', ({ status }) => status === 'running');
      await project.agora(['orch', 'cancel', runId]);
      const ended = await watched(project, runId);

      assert.deepEqual([polited.attempt, others.attempt], [1, 1]);
      assert.equal(ended.code, 1);
      assert.deepEqual(ended.statuses, {
        polite: 'cancelled',
        deaf: 'cancelled',
        after: 'skipped',
        later: 'cancelled',
      });
      const bundle = await intactBundle(project, runId);
      assert.match(await artifactText(project, bundle, { item: 'polite' }), /asked[\s\S]*\+part/);
      assert.match(await artifactText(project, bundle, { item: 'deaf' }), /\+part/);
      await waitUntil(
        'the workers to be gone',
        async () => {
          const left = await Promise.all(dispatches.map((dispatchId) => place.workerOf(project, dispatchId)));
          return left.every((worker) => worker === undefined);
        },
        patience,
      );
    });

    test('a cancel that was taken is carried out by the next daemon when this one is killed', async (t) => {
      const project = await shellProject(t, place.compute);
      const first = await project.serve();
      const runId = await submit(project, 'remembered', [
        item('a', "trap '' TERM; echo begun; while :; do sleep 0.1; done", soon),
        item('b', 'sleep 1'),
      ]);
      const dispatchId = await dispatchOf(project, runId, 'a');
      await printed(place, project, dispatchId, 'begun');

      await project.agora(['orch', 'cancel', runId, 'a']);
      const { mailbox } = transportOf(project);
      await waitUntil(
        'the cancel to be taken',
        async () => (await mailbox.list(mailboxKeys.control)).length === 0,
        patience,
      );
      await killed(first);
      await project.serve();
      const ended = await watched(project, runId);

      assert.deepEqual(ended.statuses, { a: 'cancelled', b: 'done' });
      const attempts = outcomes(await intactBundle(project, runId), 'a');
      assert.equal(attempts.length, 1, JSON.stringify(attempts));
    });
  });
}

/** `kill -9` of the daemon alone, as the kernel or an operator might. */
async function killed(daemon: Running): Promise<void> {
  daemon.child.kill('SIGKILL');
  await daemon.finished;
}

function secondsFromNow(seconds: number): () => boolean {
  const at = performance.now() + seconds * 1000;
  return () => performance.now() >= at;
}

/** Looks again and again at the workers of the first attempts of some items, until told to stop. */
function watchForDoubles(
  place: ProviderPlace,
  project: Project,
  runId: Parameters<typeof dispatchOf>[1],
  itemIds: readonly string[],
) {
  const workers = new Map(itemIds.map((id) => [id, new Set<string>()]));
  const doubles: string[] = [];
  let isOver = false;
  const look = async () => {
    for (const id of itemIds) {
      const dispatches = await Promise.all([1, 2, 3].map((attempt) => dispatchOf(project, runId, id, attempt)));
      const found = await Promise.all(dispatches.map((dispatchId) => place.workerOf(project, dispatchId)));
      const running = found.filter((worker) => worker !== undefined);
      if (running.length > 1) doubles.push(`${id}: ${running.join(' and ')}`);
      for (const worker of running) workers.get(id)?.add(worker);
    }
  };
  const looking = (async () => {
    while (!isOver) await look();
  })();
  return {
    stop: async () => {
      isOver = true;
      await looking;
      return { doubles, workersOf: (id: string) => workers.get(id) ?? new Set<string>() };
    },
  };
}

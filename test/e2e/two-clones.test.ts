import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { runIdSchema } from '../../src/contracts/ids.ts';
import { containerLabels } from '../../src/contracts/names.ts';
import { requireEngine } from '../support/engine.ts';
import { assertFanout, watchLines } from '../support/fanout.ts';
import { exampleProject, type Project } from '../support/project.ts';
import { intactBundle, item, patience, seen, shellProject, submit, watched } from '../support/shell-project.ts';

const fanout = runIdSchema.parse('fanout-1');

test('two clones run the same run id on one engine at the same time, each its own', async (t) => {
  const engine = await requireEngine(t);
  if (engine === undefined) return;
  const clones = [
    await exampleProject(t, { engine: engine.address }),
    await exampleProject(t, { engine: engine.address }),
  ];

  const runs = await Promise.all(
    clones.map(async (clone) => {
      await clone.serve();
      await clone.agora(['orch', 'submit', 'plan.json']);
      const { stdout } = await clone.agora(['orch', 'watch', 'fanout-1']);
      await intactBundle(clone, fanout);
      return watchLines(stdout);
    }),
  );

  for (const lines of runs) assertFanout(lines);
  const refs = runs.flatMap((lines) => lines.at(-1)?.items.flatMap((view) => view.resultRef ?? []) ?? []);
  assert.equal(new Set(refs).size, 6, 'a ref names the dispatch, which no two clones share');
});

test('a clone that starts, cancels or ends leaves the containers of another alone', async (t) => {
  const engine = await requireEngine(t);
  if (engine === undefined) return;
  const [mine, other] = [
    await shellProject(t, { engine: engine.address }),
    await shellProject(t, { engine: engine.address }),
  ];
  const hold = [item('hold', 'while [ ! -e /tmp/go ]; do sleep 0.1; done')];
  await mine.serve();
  const runId = await submit(mine, 'held', hold);
  await seen(mine, runId, 'hold', (view) => view.status === 'running');
  const containersOf = async (project: Project) => {
    const { deploymentId } = JSON.parse(await project.read('.agora/deployment.json'));
    return engine.listContainers({ [containerLabels.deployment]: deploymentId });
  };
  await waitUntil('the container', async () => (await containersOf(mine)).length === 1, patience);
  const held = await containersOf(mine);

  // Its first daemon sweeps what an earlier one left, which must not be what belongs to another.
  const daemon = await other.serve();
  await submit(other, 'held', hold);
  await seen(other, runId, 'hold', (view) => view.status === 'running');
  await other.agora(['orch', 'cancel', 'held']);
  const cancelled = await watched(other, runId);
  daemon.child.kill();
  await daemon.finished;

  assert.deepEqual(cancelled.statuses, { hold: 'cancelled' });
  await waitUntil('its own containers to be gone', async () => (await containersOf(other)).length === 0, patience);
  assert.deepEqual(idsOf(await containersOf(mine)), idsOf(held));
  await mine.agora(['orch', 'cancel', 'held']);
  assert.deepEqual((await watched(mine, runId)).statuses, { hold: 'cancelled' });
  await waitUntil('no container to be left', async () => (await containersOf(mine)).length === 0, patience);
});

test('a second daemon of one folder ends at once and names the first', async (t) => {
  const project = await shellProject(t, 'process');
  const { child } = await project.serve();

  const second = await project.agora(['orch', 'serve']);

  assert.deepEqual([second.code, second.stdout], [3, '']);
  assert.match(second.stderr, new RegExp(`Cannot serve: another daemon has ".*": process ${child.pid} on `));
  assert.equal(child.exitCode, null);
});

function idsOf(containers: readonly { readonly id: string }[]): string[] {
  return containers.map(({ id }) => id);
}

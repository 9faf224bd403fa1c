import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { sleep, waitUntil } from '../../src/base/deadline.ts';
import { startScript } from '../support/dispatches.ts';
import { type FarMachine, farMachineObstacle, startFarMachine } from '../support/far-machine.ts';
import { counting, endDaemon, itemPrinted, nothingLeft, projectOn } from '../support/far-project.ts';
import { intactBundle, item, outcomes, patience, statusesOf, submit, watched } from '../support/shell-project.ts';

const skip = (await farMachineObstacle()) ?? false;
const cutMs = 60_000;
const done = [['done', undefined, 0]];

describe('while work runs on another machine, the way there breaks', { skip }, () => {
  let far: FarMachine;
  before(async () => {
    far = await startFarMachine();
  });
  after(() => far.close());

  test('nothing answers for a minute: no work is lost or done twice, and whoever follows it sees all of it', async (t) => {
    const project = await projectOn(t, far);
    const daemon = await project.serve();
    const runId = await submit(project, 'cut', [
      item('ends', `${counting('e', 20)}; echo edited > edited.txt`),
      item('after', 'grep edited edited.txt', { depends_on: ['ends'] }),
      item('outlasts', counting('o', 80)),
      ...['one', 'two', 'three', 'four'].map((id, index, ids) =>
        item(id, 'sleep 1', { depends_on: index === 0 ? [] : [ids[index - 1]] }),
      ),
    ]);
    const running = await startScript(project, `${counting('line', 80)}; echo new > new.txt`);
    await waitUntil('its first lines', () => running.stderr().includes('line 3'), patience);
    await itemPrinted(far, project, { runId, itemId: 'outlasts', text: 'o 2' });

    await far.cable.cut();
    await sleep(cutMs);
    await far.cable.mend();
    const dispatch = await running.finished;
    const ended = await watched(project, runId);
    await endDaemon(daemon);

    assert.equal(dispatch.code, 0, dispatch.stderr);
    assert.deepEqual(
      dispatch.stderr.match(/^line \d+$/gm),
      Array.from({ length: 80 }, (_, index) => `line ${index + 1}`),
    );
    assert.match(dispatch.stderr, /^agora: Cannot .*ssh:\/\/root@target.*; trying again\n {2}next: /m);
    assert.match(daemon.stderr(), /^run cut, attempt 1 of "outlasts": Cannot .*; trying again next: /m);
    assert.equal(ended.code, 0, daemon.stderr());
    const bundle = await intactBundle(project, runId);
    for (const { id } of bundle.items) assert.deepEqual(outcomes(bundle, id), done, id);
    assert.equal(bundle.manifests.length, 7);
    await nothingLeft(project, far);
  });

  test('nothing answers, and the daemon is killed: the next one finds its workers by their ids', async (t) => {
    const project = await projectOn(t, far);
    const first = await project.serve();
    const runId = await submit(project, 'killed', [
      item('a', `${counting('a', 8)}; echo edited > edited.txt`),
      item('b', 'grep edited edited.txt', { depends_on: ['a'] }),
    ]);
    await itemPrinted(far, project, { runId, itemId: 'a', text: 'a 2' });

    await far.cable.cut();
    first.child.kill('SIGKILL');
    await first.finished;
    const second = await project.serve();
    const held = await waitUntil(
      'the reason',
      async () => (await statusesOf(project, runId)).find(({ reason }) => reason !== undefined),
      patience,
    );
    await far.cable.mend();
    const ended = await watched(project, runId);
    await endDaemon(second);

    assert.match(held.reason ?? '', /Cannot reach "ssh:\/\/root@target": no ssh server answers there/);
    assert.equal(ended.code, 0, second.stderr());
    const bundle = await intactBundle(project, runId);
    assert.deepEqual([outcomes(bundle, 'a'), outcomes(bundle, 'b')], [done, done]);
    await nothingLeft(project, far);
  });
});

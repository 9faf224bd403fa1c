import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { startScript } from '../support/dispatches.ts';
import { type FarMachine, farMachineObstacle, startFarMachine } from '../support/far-machine.ts';
import { counting, endDaemon, itemPrinted, nothingLeft, projectOn } from '../support/far-project.ts';
import { intactBundle, item, outcomes, patience, seen, submit, watched } from '../support/shell-project.ts';

const skip = (await farMachineObstacle()) ?? false;
const done = [['done', undefined, 0]];

describe('while work runs on another machine, the ssh server there ends', { skip }, () => {
  let far: FarMachine;
  before(async () => {
    far = await startFarMachine();
  });
  after(() => far.close());

  test('a cancel is noted, and done once the server is back; a follower elsewhere sees the end, or is told where', async (t) => {
    const project = await projectOn(t, far);
    const running = await startScript(project, counting('line', 600));
    const following = project.start('agora', ['dispatch', 'logs', running.dispatchId, '-f']);
    await waitUntil('its first lines', () => following.stdout().includes('line 2'), patience);

    await far.server.stop();
    const cancelled = await project.agora(['dispatch', 'cancel', running.dispatchId]);
    await far.server.start();
    const [dispatch, followed] = [await running.finished, await following.finished];

    assert.equal(cancelled.code, 3);
    assert.match(cancelled.stderr, /Cannot reach .*; the cancel is noted, and process \d+ on \S+ carries it out/);
    assert.equal(dispatch.code, 1, dispatch.stderr);
    assert.match(dispatch.stderr, /^dispatch \S+ cancelled after /m);
    const linesOf = (text: string) => text.match(/^line \d+$/gm) ?? [];
    assert.deepEqual(linesOf(followed.stdout), linesOf(dispatch.stderr).slice(0, linesOf(followed.stdout).length));
    if (followed.code !== 0)
      assert.match(followed.stderr, /its worker was removed meanwhile\n {2}next: All that it printed/);
    await nothingLeft(project, far);
  });

  test('and then lets nobody in: work that ended meanwhile is taken home once it does', async (t) => {
    const project = await projectOn(t, far);
    const daemon = await project.serve();
    const runId = await submit(project, 'locked-out', [item('a', `${counting('a', 3)}; echo new > new.txt`)]);
    await itemPrinted(far, project, { runId, itemId: 'a', text: 'a 1' });

    await far.server.loseKey();
    await far.server.stop();
    await far.server.start();
    await waitUntil('the report', () => /it does not let us in; trying again/.test(daemon.stderr()), patience);
    assert.equal((await seen(project, runId, 'a', () => true)).status, 'running');
    await far.server.findKey();
    const ended = await watched(project, runId);
    await endDaemon(daemon);

    assert.equal(ended.code, 0, daemon.stderr());
    assert.deepEqual(outcomes(await intactBundle(project, runId), 'a'), done);
    await nothingLeft(project, far);
  });
});

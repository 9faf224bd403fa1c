import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crash, describeDispatch, runScript, startScript, untilStatus } from '../support/dispatches.ts';
import { printed, providerPlaces } from '../support/provider-place.ts';
import { dispatchOf, item, shellProject, submit, watched } from '../support/shell-project.ts';

const place =
  (await providerPlaces()).find(({ name }) => name === 'process') ?? assert.fail('no provider of processes');
const { skip } = place;

test('without an engine a dispatch and a daemon share a state folder, and neither touches the workers of the other', {
  skip,
}, async (t) => {
  const project = await shellProject(t, 'process');
  const beforeDaemon = await startScript(project, 'echo begun; until [ -e go ]; do sleep 0.1; done');
  await printed(place, project, beforeDaemon.dispatchId, 'begun');
  await project.serve();
  const runId = await submit(project, 'beside', [item('long', 'echo begun; sleep 4; echo kept > kept.txt')]);
  const ofRun = await waitForDispatch();
  const short = await runScript(project, 'echo short > short.txt', ['--json']).finished;
  const listed = await project.agora(['dispatch', 'list', '--json']);
  const looked = await Promise.all([project.agora(['gc']), project.agora(['doctor'])]);
  const ended = await watched(project, runId);
  const still = await describeDispatch(project, beforeDaemon.dispatchId);
  const cancelled = await project.agora(['dispatch', 'cancel', beforeDaemon.dispatchId]);

  assert.equal(short.code, 0, short.stderr);
  for (const id of [beforeDaemon.dispatchId, ofRun]) assert.match(listed.stdout, new RegExp(id));
  assert.deepEqual(
    looked.map(({ code }) => code),
    [0, 0],
  );
  assert.equal(looked[0]?.stdout, '', 'nothing that is at work was taken for garbage');
  assert.deepEqual([ended.code, ended.statuses], [0, { long: 'done' }]);
  assert.equal(still.status, 'running');
  assert.equal(cancelled.code, 0, cancelled.stderr);
  assert.equal((await beforeDaemon.finished).code, 1);

  async function waitForDispatch() {
    const dispatchId = await dispatchOf(project, runId, 'long');
    await printed(place, project, dispatchId, 'begun');
    return dispatchId;
  }
});

test('a worker of another process is followed, described and stopped; a shell into it is refused with the reason', {
  skip,
}, async (t) => {
  const project = await shellProject(t, 'process');
  const running = await startScript(project, 'echo part > part.txt; echo begun; sleep 60');
  const { dispatchId } = running;
  await printed(place, project, dispatchId, 'begun');

  const followed = project.start('agora', ['dispatch', 'logs', dispatchId, '-f']);
  const shell = await project.agora(['dispatch', 'shell', dispatchId], 'id\n');
  const described = await describeDispatch(project, dispatchId);
  const cancelled = await project.agora(['dispatch', 'cancel', dispatchId]);

  assert.equal(described.status, 'running');
  assert.equal(shell.code, 1);
  assert.match(shell.stderr, /Cannot open a shell into "d-.*": tasks run as processes here, and there is no way into/);
  assert.equal(cancelled.code, 0, cancelled.stderr);
  assert.match((await followed.finished).stdout, /^begun\n/);
  const record = await describeDispatch(project, dispatchId);
  assert.equal(record.status, 'cancelled');
  assert.ok(
    record.result?.artifacts.some(({ port }) => port === 'patch'),
    'what it had written is kept',
  );
  assert.equal((await running.finished).code, 1);
});

test('a worker ends with the process that started it, and whoever looks after that records it as lost', {
  skip,
}, async (t) => {
  const project = await shellProject(t, 'process');
  const running = await startScript(project, 'setsid sleep 600 & echo begun; sleep 600');
  await printed(place, project, running.dispatchId, 'begun');
  await crash(running);

  const record = await untilStatus(project, running.dispatchId, 'failed');

  assert.equal(record.result?.code, 'worker-lost');
  assert.equal(await place.workerOf(project, running.dispatchId), undefined);
});

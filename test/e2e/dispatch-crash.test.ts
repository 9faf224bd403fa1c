import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import {
  acceptedId,
  containersOf,
  crash,
  describeDispatch,
  runScript,
  stagedSecrets,
  startScript,
  untilStatus,
} from '../support/dispatches.ts';
import { engineForTests } from '../support/engine.ts';
import { dockerPlace, printed } from '../support/provider-place.ts';
import { patience, shellProject } from '../support/shell-project.ts';

const { engine, skip } = await engineForTests();
const place = dockerPlace(engine?.address ?? '', skip);

test('a worker goes on without the process that started it; whoever looks after its end has its work', {
  skip,
}, async (t) => {
  const project = await shellProject(t, place.compute);
  const script =
    'echo begun; until [ -f go ]; do sleep 0.1; [ "$(( $(date +%s) - start ))" -lt 6 ] || break; done; echo kept > kept.txt';
  const running = await startScript(project, `start=$(date +%s); ${script}`, ['--secret', 'KEY=inline:opensesame-1']);
  const { dispatchId } = running;
  await printed(place, project, dispatchId, 'begun');

  await crash(running);

  const early = await describeDispatch(project, dispatchId);
  const followed = await project.agora(['dispatch', 'logs', dispatchId, '-f']);
  const records = await Promise.all([1, 2].map(() => untilStatus(project, dispatchId, 'done')));
  assert.equal(early.status, 'running');
  assert.match(followed.stdout, /^begun\n/);
  const [first, second] = records;
  assert.deepEqual(first?.result?.artifacts, second?.result?.artifacts);
  const patch = await project.agora(['artifact', 'get', first?.result?.artifacts[0]?.ref ?? '']);
  assert.match(patch.stdout, /^\+kept$/m);
  assert.ok(engine);
  await waitUntil('the removal', async () => (await containersOf(project, engine)).length === 0, patience);
  assert.deepEqual(await stagedSecrets(project), []);
});

test('a worker whose process died is cancelled from another', { skip }, async (t) => {
  const project = await shellProject(t, place.compute);
  const running = await startScript(project, 'echo part > part.txt; echo begun; sleep 60');
  await printed(place, project, running.dispatchId, 'begun');
  await crash(running);

  const cancel = await project.agora(['dispatch', 'cancel', running.dispatchId]);

  assert.equal(cancel.code, 0, cancel.stderr);
  assert.match(cancel.stderr, /was cancelled: .*what it had written: agora artifact get/);
  const record = await describeDispatch(project, running.dispatchId);
  assert.equal(record.status, 'cancelled');
  assert.ok(engine);
  assert.deepEqual(await containersOf(project, engine), []);
});

test('killed at any moment, a dispatch comes to an end, and nothing of it is left', { skip }, async (t) => {
  assert.ok(engine);
  const project = await shellProject(t, place.compute);
  // Warm: the image is there, so that the moments below are those of the dispatch.
  assert.equal((await runScript(project, 'true').finished).code, 0);
  const moments = [0, 15, 40, 80, 130, 200, 300, 450, 700, 1_000];
  for (const delayMs of moments) {
    const running = runScript(project, 'echo begun; echo work > work.txt; sleep 0.3', [
      '--secret',
      'KEY=inline:opensesame-1',
    ]);
    const dispatchId = await acceptedId(running);
    const killAt = performance.now() + delayMs;
    await waitUntil('the moment', () => performance.now() >= killAt || running.child.exitCode !== null, patience);
    if (running.child.exitCode === null) await crash(running);
    else await running.finished;

    const record = await untilStatus(project, dispatchId, 'done', 'failed');
    if (record.status === 'failed') assert.equal(record.result?.code, 'worker-lost');
  }

  const gc = await project.agora(['gc']);

  assert.equal(gc.code, 0, gc.stderr);
  assert.deepEqual(await containersOf(project, engine), []);
  assert.deepEqual(await stagedSecrets(project), []);
  const again = await project.agora(['gc', '--dry-run']);
  assert.equal(again.stdout, '', again.stdout);
});

test('gc names what a crash left, clears it, and touches nothing that is at work or of others', { skip }, async (t) => {
  assert.ok(engine);
  const [project, other] = [await shellProject(t, place.compute), await shellProject(t, place.compute)];
  const lost = await startScript(project, 'echo begun; echo kept > kept.txt', ['--secret', 'KEY=inline:opensesame-1']);
  await printed(place, project, lost.dispatchId, 'begun');
  await crash(lost);
  const [live, foreign] = [
    await startScript(project, 'echo begun; sleep 60'),
    await startScript(other, 'echo begun; sleep 60'),
  ];
  await printed(place, project, live.dispatchId, 'begun');
  await printed(place, other, foreign.dispatchId, 'begun');

  const doctor = await project.agora(['doctor']);
  const dry = await project.agora(['gc', '--dry-run']);
  const before = await containersOf(project, engine);
  const gc = await waitUntil(
    'the end of what was lost',
    async () => {
      const { stdout } = await project.agora(['gc']);
      return stdout.includes('still runs') ? undefined : stdout;
    },
    patience,
  );

  assert.match(doctor.stdout, /leftovers +1: dispatch d-.*\n +next: agora gc/);
  // Images of other versions may lie in this machine's engine.
  const own = dry.stdout.replace(/^worker image .*\n/gm, '');
  assert.match(own, new RegExp(`^dispatch ${lost.dispatchId}, whose process is gone\n$`));
  assert.equal(before.length, 2);
  assert.match(gc, new RegExp(`^dispatch ${lost.dispatchId}, whose process is gone: collected and recorded as done\n`));
  assert.deepEqual(await containersOf(project, engine), [live.dispatchId]);
  assert.deepEqual(await containersOf(other, engine), [foreign.dispatchId]);
  assert.equal((await describeDispatch(project, lost.dispatchId)).status, 'done');
  for (const [where, { dispatchId }] of [
    [project, live],
    [other, foreign],
  ] as const) {
    assert.equal((await where.agora(['dispatch', 'cancel', dispatchId])).code, 0);
  }
});

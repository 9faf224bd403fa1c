import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { describeDispatch, startScript } from '../support/dispatches.ts';
import { type FarMachine, farMachineObstacle, startFarMachine } from '../support/far-machine.ts';
import { endDaemon, nothingLeft, projectOn } from '../support/far-project.ts';
import { intactBundle, item, outcomes, submit, watched } from '../support/shell-project.ts';

const skip = (await farMachineObstacle()) ?? false;
const done = [['done', undefined, 0]];
const wrongClock = pathToFileURL(join(import.meta.dirname, '../support/wrong-clock.mjs')).href;
const hourMs = 3_600_000;

describe('another machine', { skip }, () => {
  let far: FarMachine;
  before(async () => {
    far = await startFarMachine();
  });
  after(() => far.close());

  for (const [name, aheadMs] of [
    ['behind', hourMs],
    ['ahead of', -hourMs],
  ] as const) {
    test(`whose clock is an hour ${name} ours works, and doctor says so`, async (t) => {
      const project = await projectOn(t, far);
      // Ours is set wrong and theirs is right: that is the same hour.
      Object.assign(project.env, { NODE_OPTIONS: `--import=${wrongClock}`, WRONG_CLOCK_MS: String(aheadMs) });
      const ours = () => Date.now() + aheadMs;

      const doctor = await project.agora(['doctor', '--target', 'ssh://root@target']);
      const daemon = await project.serve();
      const runId = await submit(project, `clock-${aheadMs > 0 ? 'behind' : 'ahead'}`, [
        item('a', 'echo one; sleep 2; echo two; echo new > new.txt', { timeoutSeconds: 60 }),
        item('b', 'grep new new.txt', { depends_on: ['a'] }),
      ]);
      const ended = await watched(project, runId);
      await endDaemon(daemon);
      const dispatch = await startScript(project, 'echo three');
      const { code, stderr } = await dispatch.finished;
      const record = await describeDispatch(project, dispatch.dispatchId);

      assert.match(doctor.stdout, new RegExp(`clock +1 h.* ${name} this machine’s`));
      assert.match(doctor.stdout, /next: set it: times in logs of workers are its own/);
      assert.deepEqual([ended.code, code], [0, 0], daemon.stderr() + stderr);
      const bundle = await intactBundle(project, runId);
      assert.deepEqual([outcomes(bundle, 'a'), outcomes(bundle, 'b')], [done, done]);
      assert.match(stderr, /^three$/m);
      for (const at of [record.acceptedAt, record.startedAt, record.endedAt])
        assert.ok(Math.abs(Date.parse(at ?? '') - ours()) < 120_000, `${at}`);
      await nothingLeft(project, far);
    });
  }
});

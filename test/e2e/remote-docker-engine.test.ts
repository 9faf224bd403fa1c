import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { type FarMachine, farMachineObstacle, startFarMachine } from '../support/far-machine.ts';
import { counting, endDaemon, itemPrinted, nothingLeft, projectOn } from '../support/far-project.ts';
import { intactBundle, item, outcomes, patience, submit, watched } from '../support/shell-project.ts';

const skip = (await farMachineObstacle()) ?? false;
const done = [['done', undefined, 0]];

describe('while work runs on another machine, its engine ends', { skip }, () => {
  let far: FarMachine;
  before(async () => {
    far = await startFarMachine();
  });
  after(() => far.close());

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    test(`${signal} of it: what ran is lost and tried again, what was done stays done`, async (t) => {
      const project = await projectOn(t, far);
      const daemon = await project.serve();
      const runId = await submit(project, signal.toLowerCase(), [
        item('before', 'echo edited > edited.txt'),
        item('a', `${counting('a', 6)}; grep edited edited.txt`, { depends_on: ['before'] }),
        item('b', counting('b', 6), { depends_on: ['before'] }),
        item('after', 'true', { depends_on: ['a', 'b'] }),
      ]);
      for (const id of ['a', 'b']) await itemPrinted(far, project, { runId, itemId: id, text: `${id} 2` });

      await far.engine.stop(signal);
      await waitUntil('the report', () => /of "a": .*; trying again/.test(daemon.stderr()), patience);
      await far.engine.start();
      const ended = await watched(project, runId);
      await endDaemon(daemon);

      assert.equal(ended.code, 0, daemon.stderr());
      const bundle = await intactBundle(project, runId);
      const lost = (id: string) => outcomes(bundle, id).map(([outcome, code]) => [outcome, code]);
      for (const id of ['a', 'b'])
        assert.deepEqual(lost(id), [
          ['lost', 'worker-lost'],
          ['done', undefined],
        ]);
      for (const id of ['before', 'after']) assert.deepEqual(outcomes(bundle, id), done);
      const gaps = bundle.auditLog.entries.filter(({ kind }) => kind === 'audit.gap');
      assert.deepEqual(gaps.map(({ item: id, attempt }) => `${id} ${attempt}`).sort(), ['a 1', 'b 1']);
      await nothingLeft(project, far);
    });
  }
});

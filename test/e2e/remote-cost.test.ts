import assert from 'node:assert/strict';
import { test } from 'node:test';
import { busyRunCost } from '../support/busy-run.ts';
import { shellProject } from '../support/shell-project.ts';
import { noSshPlace, sshPlace } from '../support/ssh-place.ts';

test('work that computes on another machine costs its daemon a sixtieth of a processor at most', {
  skip: noSshPlace,
}, async (t) => {
  const { server } = await sshPlace(t);
  const project = await shellProject(t, { engine: 'ssh://target' });
  project.env['PATH'] = `${server.programs}:${project.env['PATH']}`;
  const daemon = (await project.serve()).child.pid ?? assert.fail();
  await busyRunCost(project, daemon, 0);

  const short = await busyRunCost(project, daemon, 1);
  const long = await busyRunCost(project, daemon, 13);

  // What a dispatch costs however short it is comes twice, and the difference is of twelve seconds.
  assert.ok(long - short <= 12 / 60, `${short} s for 1 s, ${long} s for 13 s`);
  assert.ok(long <= 1, `${long} s`);
});

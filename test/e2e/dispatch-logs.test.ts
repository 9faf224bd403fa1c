import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { startScript } from '../support/dispatches.ts';
import { engineForTests } from '../support/engine.ts';
import { dockerPlace, printed } from '../support/provider-place.ts';
import { patience, shellProject } from '../support/shell-project.ts';

const { engine, skip } = await engineForTests();
const place = dockerPlace(engine?.address ?? '', skip);

/** How long lines of a worker took to another process's screen: their own time against when they came. */
test('a line is on the screen of whoever follows within a quarter of a second, in the middle', { skip }, async (t) => {
  const project = await shellProject(t, place.compute);
  const count = 60;
  const script = `echo begun; sleep 3; i=0; while [ $i -lt ${count} ]; do date +%s%3N; i=$((i+1)); sleep 0.05; done`;
  const running = await startScript(project, script);
  await printed(place, project, running.dispatchId, 'begun');

  const following = project.start('agora', ['dispatch', 'logs', running.dispatchId, '-f']);
  const latencies: number[] = [];
  following.child.stdout?.on('data', (text: string) => {
    const now = Date.now();
    for (const [at] of String(text).matchAll(/^\d{13}$/gm)) latencies.push(now - Number(at));
  });
  await waitUntil('the follower', () => following.stdout().includes('begun'), patience);
  const { code } = await following.finished;
  await running.finished;

  assert.equal(code, 0);
  assert.equal(latencies.length, count);
  const middle = latencies.toSorted((left, right) => left - right)[count / 2] ?? Number.POSITIVE_INFINITY;
  t.diagnostic(`p50 ${middle} ms, worst ${Math.max(...latencies)} ms`);
  assert.ok(middle <= 250, `${middle} ms`);
});

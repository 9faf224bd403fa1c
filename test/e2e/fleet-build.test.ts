import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import type { Build } from '../../src/contracts/builds.ts';
import { admitted, containedFleet, removeAgent, seedLine } from '../support/contained-fleet.ts';
import { privateEngineObstacle } from '../support/private-engine.ts';

const skip = (await privateEngineObstacle()) ?? false;
const patience = { timeoutMs: 60_000, intervalMs: 200 };
/** Long enough to be in its middle while its agent is removed. */
const ticks = 40;

const dockerfile = `FROM ghcr.io/trailer-dev/agent:latest
RUN node -e "let n = 0; setInterval(() => { console.log('tick', ++n); if (n === ${ticks}) process.exit(); }, 1000)"
`;

test('a build begins anew after the container of its agent was removed, and is told to its end', {
  skip,
  timeout: 240_000,
}, async (t) => {
  const fleet = await containedFleet(t);
  const { agora, run, project } = fleet;
  const { name } = await admitted(fleet);
  await mkdir(join(project.folder, 'slow'));
  await writeFile(join(project.folder, 'slow', 'Dockerfile'), dockerfile);
  await writeFile(join(project.folder, 'spec.yaml'), 'schemaVersion: 1\nimages:\n  slow: {build: {context: slow}}\n');
  const builds = async (): Promise<Build[]> => JSON.parse((await agora(`host build ls ${name} --json`)).stdout);
  const log = async () => (await agora(`host build log ${name}`)).stdout;
  const ticksOf = (text: string) => text.split('\n').filter((line) => line.startsWith('tick '));
  const other = async (before?: string) =>
    waitUntil(
      'a build under way',
      async () => {
        const [build] = await builds();
        return build !== undefined && build.buildId !== before && ticksOf(await log()).length >= 2 ? build : undefined;
      },
      patience,
    );

  const applied = await agora(`host apply ${name} -f spec.yaml`);
  assert.equal(applied.code, 0, applied.stderr);
  const first = await other();
  await removeAgent(fleet);
  await run(seedLine);
  const second = await other(first.buildId);
  const followed = await agora(`host build log ${name} ${second.buildId} -f`);

  assert.equal(followed.code, 0, followed.stderr);
  assert.deepEqual(
    ticksOf(followed.stdout),
    Array.from({ length: ticks }, (_, at) => `tick ${at + 1}`),
  );
  assert.deepEqual(
    (await builds()).map(({ buildId, state }) => [buildId, state]),
    [
      [second.buildId, 'succeeded'],
      [first.buildId, 'lost'],
    ],
  );
  await project.close();
});

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { progressSchema } from '../../src/agent/progress.ts';
import { waitUntil } from '../../src/base/deadline.ts';
import { appImage, aWorkspace, type FleetEngine, startFleetEngine } from '../support/fleet-engine.ts';
import { cabledNamespace } from '../support/fleet-network.ts';
import { FleetProcesses } from '../support/fleet-processes.ts';
import { privateEngineObstacle } from '../support/private-engine.ts';

const skip = (await privateEngineObstacle()) ?? false;
/** Seconds that the steps of a build take, which is cut off from its first step to its last: for a minute. */
const steps = [3, 20, 20, 20, 5];
/** Within which a host is back once its network is. */
const backMs = 15_000;
const patience = { timeoutMs: 40_000, intervalMs: 100 };

describe('a network that is cut between an agent and its server', {
  skip,
  timeout: 240_000,
  concurrency: true,
}, () => {
  let engine: FleetEngine;
  before(async () => {
    engine = await startFleetEngine();
  });
  after(() => engine.close());

  const cabledHost = async (t: TestContext, name: string) => {
    const cable = await cabledNamespace(t);
    const fleet = await FleetProcesses.start(t, ['--listen', `${cable.address}:0`]);
    fleet.startAgent({ name, engine: engine.engine.host, namespace: cable.name });
    await fleet.online(name);
    await fleet.set(name, { heartbeatSeconds: 1 });
    return { cable, fleet };
  };
  const stateOf = async (name: string) =>
    (await engine.host.observeContainers()).find((container) => container.name === name)?.status;
  const becomes = (name: string, state: string | undefined) =>
    waitUntil(`"${name}" to be ${state}`, async () => (await stateOf(name)) === state, patience);

  test('an apply goes on without the network, and what came of it is told once it is back', async (t) => {
    const { cable, fleet } = await cabledHost(t, 'applied');
    // It proves itself for longer than it takes to notice that the network is away.
    const slow = aWorkspace({ updateStrategy: { order: 'start-first', healthyWithin: 4 } });
    await fleet.healthy('applied', await fleet.apply('applied', { workspaces: { slow } }));
    const changed = { slow: { ...slow, env: { CHANGED: 'yes' } }, next: aWorkspace() };
    const revision = await fleet.apply('applied', { workspaces: changed });
    await becomes('slow.agora-next', 'running');

    await cable.cut();
    await fleet.until('it to be offline', 'applied', ({ host }) => host.link.link === 'offline');
    await becomes('slow.agora-next', undefined);
    await becomes('next', 'running');
    await hasProgress(fleet, 'applied', revision);
    const before = await fleet.statusOf('applied');
    await cable.mend();
    const mendedAt = Date.now();
    const status = await fleet.healthy('applied', revision);
    await fleet.online('applied');

    assert.ok(Date.now() - mendedAt < backMs, `it took ${Date.now() - mendedAt} ms`);
    assert.deepEqual(
      before?.workspaces.map(({ name }) => name),
      ['slow', 'next'],
      'no report is no empty report',
    );
    assert.ok(Date.parse(status.change?.times.healthy ?? '') < mendedAt, 'it is told when it was, not when it is told');
    assert.deepEqual([await stateOf('slow'), await stateOf('next')], ['running', 'running']);
  });

  test('a build goes on without the network for a minute, and its log and result are told once it is back', async (t) => {
    const { cable, fleet } = await cabledHost(t, 'built');
    const { project } = fleet;
    const dockerfile = steps.map((seconds, step) => {
      return `RUN n=0; while [ $n -lt ${seconds} ]; do n=$((n + 1)); sleep 1; echo tick ${step} $n; done`;
    });
    await mkdir(join(project.folder, 'context'));
    await writeFile(join(project.folder, 'context/Dockerfile'), [`FROM ${appImage}`, ...dockerfile].join('\n'));
    await writeFile(
      join(project.folder, 'spec.yaml'),
      `schemaVersion: 1
images: { made: { build: { context: context } } }
workspaces: { worker: { image: made, command: [sleep, "100000"], stopGrace: 0 } }
`,
    );
    const builds = async () => (await fleet.admin.call('listBuilds', { params: { host: 'built' } })).builds;
    const isAt = (step: number) =>
      waitUntil(`step ${step}`, async () => (await containersOf(engine)).includes(`echo tick ${step} `), {
        timeoutMs: 120_000,
        intervalMs: 500,
      });

    const applied = await fleet.agora(['host', 'apply', 'built', '-f', 'spec.yaml']);
    assert.equal(applied.code, 0, applied.stderr);
    await waitUntil('the build to be told', async () => (await builds())[0]?.state === 'running', patience);
    await isAt(1);
    await cable.cut();
    await isAt(steps.length - 1);
    const { host } = (await fleet.statusOf('built')) ?? assert.fail('it is gone');
    const [during] = await builds();
    await cable.mend();
    const mendedAt = Date.now();
    await fleet.online('built');
    const backAfterMs = Date.now() - mendedAt;
    const followed = await fleet.agora(['host', 'build', 'log', 'built', '-f']);
    await fleet.healthy('built', 1);

    assert.deepEqual([host.link.link, during?.state], ['offline', 'running'], 'what was last told stays');
    assert.ok(backAfterMs < backMs, `it took ${backAfterMs} ms`);
    assert.equal(followed.code, 0, followed.stderr);
    assert.deepEqual(
      followed.stdout.split('\n').filter((line) => line.startsWith('tick ')),
      steps.flatMap((seconds, step) => Array.from({ length: seconds }, (_, at) => `tick ${step} ${at + 1}`)),
    );
    assert.deepEqual(
      (await builds()).map(({ buildId, state }) => [buildId, state]),
      [[during?.buildId, 'succeeded']],
    );
    await becomes('worker', 'running');
  });
});

/** What those that run were started with. */
async function containersOf({ raw }: FleetEngine): Promise<string> {
  return (await raw.listContainers()).map(({ Command }) => Command).join('\n');
}

/** All of a revision is healthy, as its agent keeps it: nobody else hears of it. */
async function hasProgress({ project }: FleetProcesses, name: string, revision: number): Promise<void> {
  await waitUntil(
    `revision ${revision} to be healthy there`,
    async () => {
      const progress = progressSchema.parse(JSON.parse(await project.read(`${name}/agora-agent/progress.json`)));
      return progress.revision === revision && progress.times.healthy !== undefined;
    },
    patience,
  );
}

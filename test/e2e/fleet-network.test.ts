import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { sleep, waitUntil } from '../../src/base/deadline.ts';
import { appImage, aWorkspace, type FleetEngine, startFleetEngine } from '../support/fleet-engine.ts';
import { cabledNamespace } from '../support/fleet-network.ts';
import { FleetProcesses } from '../support/fleet-processes.ts';
import { privateEngineObstacle } from '../support/private-engine.ts';

const skip = (await privateEngineObstacle()) ?? false;
const cutMs = 10_000;
/** Within which a host is back once its network is. */
const backMs = 15_000;

describe('a network that is cut between an agent and its server', { skip, timeout: 180_000 }, () => {
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
  const running = (name: string) =>
    waitUntil(`"${name}" to run`, async () => (await stateOf(name)) === 'running', { timeoutMs: 30_000 });

  test('an apply goes on without the network, and what came of it is told once it is back', async (t) => {
    const { cable, fleet } = await cabledHost(t, 'applied');
    // It proves itself for longer than it takes to notice that the network is away.
    const slow = aWorkspace({ updateStrategy: { order: 'start-first', healthyWithin: 4 } });
    await fleet.healthy('applied', await fleet.apply('applied', { workspaces: { slow } }));
    const changed = { slow: { ...slow, env: { CHANGED: 'yes' } }, next: aWorkspace() };
    const revision = await fleet.apply('applied', { workspaces: changed });
    await running('slow.agora-next');

    await cable.cut();
    const cutAt = Date.now();
    await fleet.until('it to be offline', 'applied', ({ host }) => host.link.link === 'offline');
    await waitUntil('the exchange to end', async () => (await stateOf('slow.agora-next')) === undefined, {
      timeoutMs: cutMs,
    });
    const before = await fleet.statusOf('applied');
    await sleep(Math.max(0, cutAt + cutMs - Date.now()));
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

  test('a build goes on without the network, and its log and result are told once it is back', async (t) => {
    const { cable, fleet } = await cabledHost(t, 'built');
    const { project } = fleet;
    await mkdir(join(project.folder, 'context'));
    const steps = ['echo begun', 'sleep 4', 'echo ended'].map((step) => `RUN ${step}\n`).join('');
    await writeFile(join(project.folder, 'context/Dockerfile'), `FROM ${appImage}\n${steps}`);
    await writeFile(
      join(project.folder, 'spec.yaml'),
      `schemaVersion: 1
images: { made: { build: { context: context } } }
workspaces: { worker: { image: made, command: [sleep, "100000"], stopGrace: 0 } }
`,
    );
    const applied = await fleet.agora(['host', 'apply', 'built', '-f', 'spec.yaml']);
    assert.equal(applied.code, 0, applied.stderr);
    const buildOf = async () => (await fleet.admin.call('listBuilds', { params: { host: 'built' } })).builds[0];
    await waitUntil('the build to begin', async () => (await buildOf())?.state === 'running', { timeoutMs: 30_000 });

    await cable.cut();
    const cutAt = Date.now();
    await running('worker');
    const during = await buildOf();
    await sleep(Math.max(0, cutAt + cutMs - Date.now()));
    await cable.mend();
    const mendedAt = Date.now();
    await fleet.healthy('built', 1);
    const build = await waitUntil(
      'its end to be told',
      async () => {
        const told = await buildOf();
        return told?.state === 'succeeded' ? told : undefined;
      },
      { timeoutMs: backMs },
    );

    assert.ok(Date.now() - mendedAt < backMs, `it took ${Date.now() - mendedAt} ms`);
    assert.equal(during?.state, 'running', 'what was last told stays');
    const { lines } = await fleet.admin.call('readBuildLog', { params: { host: 'built', build: build.buildId } });
    assert.match(JSON.stringify(lines), /begun[\s\S]*ended/);
    assert.equal((await fleet.admin.call('listBuilds', { params: { host: 'built' } })).builds.length, 1);
  });
});

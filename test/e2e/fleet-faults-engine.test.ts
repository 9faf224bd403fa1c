import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { appImage, aWorkspace, buildApp, type FleetEngine, fleetEngineFor } from '../support/fleet-engine.ts';
import { FleetProcesses } from '../support/fleet-processes.ts';
import { privateEngineObstacle } from '../support/private-engine.ts';

const skip = (await privateEngineObstacle()) ?? false;
const patience = { timeoutMs: 40_000 };

async function aHost(t: TestContext) {
  const engine = await fleetEngineFor(t);
  const fleet = await FleetProcesses.start(t);
  fleet.startAgent({ name: 'box', engine: engine.engine.host });
  await fleet.online('box');
  await fleet.set('box', { heartbeatSeconds: 1, reconcileSeconds: 2 });
  return { engine, fleet };
}

async function see({ host }: FleetEngine, name: string) {
  return (await host.observeContainers()).find((container) => container.name === name);
}

test('what cannot be is told with its reason, holds up nothing else, and is done once it can be', {
  skip,
  timeout: 180_000,
}, async (t) => {
  const { engine, fleet } = await aHost(t);
  const foreign = await engine.foreign();
  const holder = await engine.raw.createContainer({
    name: 'holder',
    Image: appImage,
    Cmd: ['sleep', '100000'],
    ExposedPorts: { '80/tcp': {} },
    HostConfig: { PortBindings: { '80/tcp': [{ HostPort: '8080' }] } },
  });
  await holder.start();

  const workspaces = {
    plain: aWorkspace(),
    imageless: aWorkspace({ image: 'registry.invalid/absent:1' }),
    blocked: aWorkspace({ ports: [{ container: 80, host: 8080 }] }),
  };
  const revision = await fleet.apply('box', { workspaces });
  const told = await fleet.until('all of it to be told', 'box', (status) => {
    const reasonOf = (name: string) => status.workspaces.find((one) => one.name === name)?.reason ?? '';
    const isUp = status.workspaces.find(({ name }) => name === 'plain')?.state === 'running';
    return isUp && reasonOf('imageless').includes('absent:1') && reasonOf('blocked').includes('8080');
  });

  assert.equal(told.change?.times.healthy, undefined);
  const waited = await fleet.agora(['host', 'status', 'box']);
  assert.match(waited.stdout, /absent:1/);
  assert.equal((await holder.inspect()).State.Running, true, 'what holds the port is not ours to stop');

  await buildApp(engine.host, 'registry.invalid/absent:1');
  await holder.remove({ force: true });
  await fleet.healthy('box', revision);
  const owned = ['blocked', 'imageless', 'plain'].map((name) => `container ${name} running`);
  assert.deepEqual(await engine.owned(), owned);
  assert.deepEqual(await engine.foreign(), foreign);
});

test('with too little disk space nothing is made, what runs stays and is repaired, and it goes on with more', {
  skip,
  timeout: 180_000,
}, async (t) => {
  const { engine, fleet } = await aHost(t);
  await fleet.healthy('box', await fleet.apply('box', { workspaces: { old: aWorkspace() } }));
  const old = await see(engine, 'old');

  await fleet.set('box', { diskReserveBytes: Number.MAX_SAFE_INTEGER });
  const changed = { old: aWorkspace({ env: { CHANGED: 'yes' } }), more: aWorkspace() };
  const revision = await fleet.apply('box', { workspaces: changed });
  const told = await fleet.until('it to be told', 'box', ({ problems }) =>
    problems.some(({ name }) => name === 'disk'),
  );
  await engine.raw.getContainer(old?.id ?? '').kill();
  await waitUntil('the repair', async () => (await see(engine, 'old'))?.status === 'running', patience);

  assert.match(
    JSON.stringify(told.problems),
    /Cannot pull, build or create: \d+ bytes are free, less than the reserve/,
  );
  assert.equal((await see(engine, 'old'))?.id, old?.id);
  assert.equal(await see(engine, 'more'), undefined);
  await fleet.set('box', { diskReserveBytes: 0 });
  await fleet.healthy('box', revision);
  assert.deepEqual(await engine.owned(), ['container more running', 'container old running']);
});

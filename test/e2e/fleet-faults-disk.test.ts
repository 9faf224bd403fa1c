import assert from 'node:assert/strict';
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemErrorCode } from '../../src/contracts/errors.ts';
import type { HostStatus } from '../../src/contracts/routes-hosts.ts';
import { busyboxContext, plainBuild } from '../support/busybox-image.ts';
import { appImage, aWorkspace, type FleetEngine, fleetEngineFor } from '../support/fleet-engine.ts';
import { FleetProcesses } from '../support/fleet-processes.ts';
import { type LoopbackRegistry, registryObstacle, startLoopbackRegistry } from '../support/loopback-registry.ts';
import { privateEngineObstacle } from '../support/private-engine.ts';

const skip = (await privateEngineObstacle()) ?? (await registryObstacle());
const mebibyte = 1024 * 1024;
/** What is pulled and built needs so much, and finds less. */
const largeBytes = 24 * mebibyte;
const littleBytes = 8 * mebibyte;

test('an engine whose disk is full is told as that, keeps what runs, and pulls, builds and creates once there is space', {
  skip,
  timeout: 240_000,
}, async (t) => {
  const engine = await fleetEngineFor(t, { diskBytes: 256 * mebibyte });
  const registry = await startLoopbackRegistry(engine.host, engine.engine.endpoint);
  const reference = await pushed(engine, registry);
  const fleet = await aHost(t, engine, registry);
  const foreign = await engine.foreign();
  await fleet.healthy('full', await fleet.apply('full', { workspaces: { old: aWorkspace() } }));
  const [old] = await containersOf(engine, 'old');
  await writeFile(join(fleet.project.folder, 'spec.yaml'), specOf(reference));
  const isToldOf = (status: HostStatus, name: string) => {
    const reason = status.workspaces.find((one) => one.name === name)?.reason ?? '';
    return [reason, ...status.problems.filter((one) => one.name === name).map(({ message }) => message)].some((text) =>
      text.includes('no space left on device'),
    );
  };

  await fill(engine, littleBytes);
  const applied = await fleet.agora(['host', 'apply', 'full', '-f', 'spec.yaml']);
  assert.equal(applied.code, 0, applied.stderr);
  for (const name of ['pulled', 'built']) {
    await fleet.until(`what is ${name} to be told`, 'full', (status) => isToldOf(status, name));
  }
  // Its pulls and builds take and free space no more.
  await fleet.healthy('full', await fleet.apply('full', { workspaces: { old: aWorkspace() } }));
  await fill(engine, 0);
  const revision = await fleet.apply('full', { workspaces: { old: aWorkspace(), new: aWorkspace() } });
  const told = await fleet.until('what is new to be told', 'full', (status) => isToldOf(status, 'new'));

  assert.equal(told.change?.times.healthy, undefined);
  assert.deepEqual([told.host.link.link, told.host.link.engine], ['online', 'up']);
  assert.deepEqual(await containersOf(engine, 'old'), [old]);
  await rm(fillerOf(engine));
  await fleet.healthy('full', revision);
  const again = await fleet.agora(['host', 'apply', 'full', '-f', 'spec.yaml']);
  assert.equal(again.code, 0, again.stderr);
  await fleet.healthy('full', revision + 1);
  assert.deepEqual(
    await engine.owned(),
    ['built', 'old', 'pulled', 'small'].map((name) => `container ${name} running`),
  );
  assert.deepEqual(await containersOf(engine, 'old'), [old]);
  assert.deepEqual(await engine.foreign(), foreign);
});

async function aHost(t: TestContext, engine: FleetEngine, { host, login }: LoopbackRegistry): Promise<FleetProcesses> {
  const fleet = await FleetProcesses.start(t);
  const { folder } = fleet.project;
  const auth = Buffer.from(`${login.username}:${login.password}`).toString('base64');
  await mkdir(join(folder, '.docker'));
  await writeFile(join(folder, '.docker/config.json'), JSON.stringify({ auths: { [host]: { auth } } }));
  await mkdir(join(folder, 'context'));
  await writeFile(join(folder, 'context/Dockerfile'), `FROM ${appImage}\nCOPY large /large\n`);
  await writeFile(join(folder, 'context/large'), Buffer.alloc(largeBytes));
  fleet.startAgent({ name: 'full', engine: engine.engine.host });
  await fleet.online('full');
  // What is there is found out by trying.
  await fleet.set('full', { heartbeatSeconds: 1, reconcileSeconds: 2, diskReserveBytes: 0 });
  return fleet;
}

/** A large image that is in the registry only. */
async function pushed({ host }: FleetEngine, registry: LoopbackRegistry): Promise<string> {
  const tag = `${registry.host}/large:1`;
  const context = await busyboxContext(`RUN head -c ${largeBytes} /dev/zero >/large\n`);
  await host.build(context, { ...plainBuild, tag, useCache: false });
  await host.push(tag, registry);
  await host.removeImage(tag);
  return tag;
}

function specOf(reference: string): string {
  return `schemaVersion: 1
images:
  pulled: { pull: "${reference}" }
  built: { build: { context: context } }
workspaces:
${['old', 'small', 'pulled', 'built']
  .map((name) => {
    const image = name === 'old' || name === 'small' ? appImage : name;
    return `  ${name}: ${JSON.stringify(aWorkspace({ image }))}`;
  })
  .join('\n')}
`;
}

const fillerOf = ({ engine }: FleetEngine) => join(engine.dataFolder, 'filler');

/** Leaves so much space. */
async function fill(engine: FleetEngine, leftBytes: number): Promise<void> {
  await rm(fillerOf(engine), { force: true });
  const { bavail, bsize } = await statfs(engine.engine.dataFolder);
  const filler = Buffer.alloc(bavail * bsize - leftBytes);
  // The engine may take some of it meanwhile.
  await writeFile(fillerOf(engine), filler).catch((error: unknown) => {
    if (systemErrorCode(error) !== 'ENOSPC') throw error;
  });
}

async function containersOf({ host }: FleetEngine, name: string) {
  const found = (await host.observeContainers()).filter((container) => container.name === name);
  return found.map(({ id, status, startedAt }) => ({ id, status, startedAt }));
}

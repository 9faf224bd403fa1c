import type { TestContext } from 'node:test';
import type Dockerode from 'dockerode';
import { hostLabels } from '../../src/contracts/fleet-names.ts';
import { dockerHostEngine } from '../../src/engine/docker-host.ts';
import type { HostEngine } from '../../src/engine/host-engine.ts';
import { busyboxContext, plainBuild } from './busybox-image.ts';
import { rawEngine } from './engine.ts';
import { type PrivateEngine, type PrivateEngineOptions, startPrivateEngine } from './private-engine.ts';

/** The image that every fleet engine of a test has. */
export const appImage = 'app:1';

/** A private engine with an image, and with things of somebody else that nobody may touch. */
export interface FleetEngine {
  readonly engine: PrivateEngine;
  readonly host: HostEngine;
  readonly raw: Dockerode;
  /** What is not ours, as it is. */
  foreign(): Promise<readonly string[]>;
  /** What is labelled as ours: `<kind> <name>`, sorted; containers with their state. */
  owned(): Promise<readonly string[]>;
  close(): Promise<void>;
}

export async function startFleetEngine(options: PrivateEngineOptions = {}): Promise<FleetEngine> {
  const engine = await startPrivateEngine(options);
  const host = dockerHostEngine({ endpoint: engine.endpoint });
  const raw = await rawEngine(engine.host);
  await buildApp(host);
  await raw.createNetwork({ Name: 'foreign' });
  await raw.createVolume({ Name: 'foreign' });
  const container = await raw.createContainer({
    name: 'foreign',
    Image: appImage,
    Cmd: ['sleep', '100000'],
    StopTimeout: 0,
    HostConfig: { RestartPolicy: { Name: 'always' } },
  });
  await container.start();
  const close = async () => {
    await engine.resume().catch(() => undefined); // A test may have ended it.
    const containers = await raw.listContainers({ all: true }).catch(() => []);
    await Promise.all(containers.map(({ Id }) => raw.getContainer(Id).remove({ force: true, v: true })));
    await engine.close();
  };
  return { engine, host, raw, foreign: () => foreignOn(host), owned: () => ownedOn(host), close };
}

/** Gone after the test. */
export async function fleetEngineFor(t: TestContext, options: PrivateEngineOptions = {}): Promise<FleetEngine> {
  const started = await startFleetEngine(options);
  t.after(() => started.close());
  return started;
}

/** With programs of this machine, by their paths, besides a shell. */
export async function buildApp(host: HostEngine, tag = appImage, programs: readonly string[] = []): Promise<void> {
  await host.build(await busyboxContext('', {}, programs), {
    ...plainBuild,
    tag,
  });
}

/** One that runs until it is told to end, and proves itself quickly. */
export function aWorkspace(rest: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    image: appImage,
    command: ['sleep', '100000'],
    stopGrace: 0,
    updateStrategy: { healthyWithin: 0.2 },
    ...rest,
  };
}

interface Labelled {
  readonly labels: Readonly<Record<string, string>>;
}
const isOwned = ({ labels }: Labelled) => hostLabels.host in labels;

async function ownedOn(host: HostEngine): Promise<readonly string[]> {
  const { containers, networks, volumes } = await allOf(host);
  return [
    ...containers.filter(isOwned).map(({ name, status }) => `container ${name} ${status}`),
    ...networks.filter(isOwned).map(({ name }) => `network ${name}`),
    ...volumes.filter(isOwned).map(({ name }) => `volume ${name}`),
  ].sort();
}

async function foreignOn(host: HostEngine): Promise<readonly string[]> {
  const { containers, networks, volumes } = await allOf(host);
  const others = <T extends Labelled & { readonly name: string }>(things: readonly T[]) =>
    things.filter((thing) => !isOwned(thing));
  return [
    ...others(containers).map(({ name, id, status, startedAt }) => `${name} ${id} ${status} ${startedAt}`),
    ...others(networks).map(({ name, id }) => `${name} ${id}`),
    ...others(volumes).map(({ name }) => name),
  ].sort();
}

async function allOf(host: HostEngine) {
  const [containers, networks, volumes] = await Promise.all([
    host.observeContainers(),
    host.observeNetworks(),
    host.observeVolumes(),
  ]);
  return { containers, networks, volumes };
}

import { waitUntil } from '../src/base/deadline.ts';
import { BenchEngine, benchImage } from './fleet-engine.ts';
import { FleetProcesses } from './fleet-processes.ts';
import { specOf } from './fleet-samples.ts';

export interface Rollout {
  /** From before the first host is declared until the last container runs. */
  readonly fleetMs: readonly number[];
  /** The same containers made directly on all engines at once. */
  readonly floorMs: readonly number[];
}

const containers = 5;
/** As many as an agent makes at once. */
const atOncePerEngine = 4;
const patience = { timeoutMs: 120_000, intervalMs: 20 };

/** So many engines, each with an agent of its own, all declared at the same moment. */
export async function measureRollout(hosts: number, rounds: number): Promise<Rollout> {
  const engines: BenchEngine[] = [];
  const fleet = await FleetProcesses.start();
  try {
    for (let index = 0; index < hosts; index++) {
      engines.push(await BenchEngine.start());
      await fleet.startAgent(hostName(index), engines[index]?.host ?? '');
    }
    const floorMs: number[] = [];
    const fleetMs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      floorMs.push(await rollOutBare(engines));
      fleetMs.push(await rollOut(fleet, engines));
    }
    return { fleetMs, floorMs };
  } finally {
    await fleet.close();
    for (const engine of engines) await engine.close();
  }
}

function hostName(index: number): string {
  return `box-${index}`;
}

async function rollOutBare(engines: readonly BenchEngine[]): Promise<number> {
  const startedAt = performance.now();
  await Promise.all(engines.map((engine) => engine.runBare(specOf(benchImage, containers), 'bare-', atOncePerEngine)));
  const ms = performance.now() - startedAt;
  for (const engine of engines) await engine.clear('bare-');
  return ms;
}

async function rollOut(fleet: FleetProcesses, engines: readonly BenchEngine[]): Promise<number> {
  const spec = specOf(benchImage, containers);
  const running = engines.flatMap((engine) => Object.keys(spec.workspaces).map((name) => engine.started(name)));
  const declaredAt = performance.now();
  await declareAll(fleet, engines, spec);
  const ms = Math.max(...(await Promise.all(running))) - declaredAt;
  await declareAll(fleet, engines, specOf(benchImage, 0));
  const isEmpty = async () =>
    (await Promise.all(engines.map(({ calls }) => calls.observeContainers()))).flat().length === 0;
  await waitUntil('the end of all containers', isEmpty, patience);
  return ms;
}

async function declareAll(
  fleet: FleetProcesses,
  engines: readonly BenchEngine[],
  spec: ReturnType<typeof specOf>,
): Promise<void> {
  await Promise.all(
    engines.map((_, index) => fleet.admin.call('applySpec', { params: { host: hostName(index) }, body: { spec } })),
  );
}

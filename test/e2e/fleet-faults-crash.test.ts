import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Kill } from '../support/crashable-fleet.ts';
import { aWorkspace, type FleetEngine, fleetEngineFor } from '../support/fleet-engine.ts';
import { Gate, gateOfEngine } from '../support/fleet-gate.ts';
import { FleetProcesses, kill, strike } from '../support/fleet-processes.ts';
import { privateEngineObstacle } from '../support/private-engine.ts';
import type { Running } from '../support/project.ts';
import { chosen, randomFrom, shuffled } from '../support/seeded-random.ts';

const skip = (await privateEngineObstacle()) ?? false;
const seed = Number(process.env['AGORA_TEST_SEED'] ?? Date.now() % 1_000_000_007);

const places: readonly Omit<Kill, 'moment'>[] = [
  ...[1, 2, 3, 4, 5, 6, 7].map((call) => ({ who: 'agent', call }) as const),
  ...[1, 2, 3].map((call) => ({ who: 'server', call }) as const),
  { who: 'both', call: 2 },
  { who: 'both', call: 5 },
];

test('an agent and a server that are killed at each step leave a host that becomes as declared', {
  skip,
  timeout: 240_000,
}, async (t) => {
  t.diagnostic(`seed ${seed} (AGORA_TEST_SEED runs it again)`);
  const random = randomFrom(seed);
  const crashes = await CrashedFleet.start(t);
  const { engine } = crashes;
  const foreign = await engine.foreign();
  const volumes = new Set<string>();

  let reached = 0;
  for (const [step, place] of shuffled(random, places).entries()) {
    const kill: Kill = { ...place, moment: chosen(random, 'before', 'after') };
    const { spec, owned, volumeNames } = aSpec(random, step);
    for (const name of volumeNames) volumes.add(`volume ${name}`);

    const isReached = await crashes.goThrough(kill, spec);

    const told = `${JSON.stringify(kill)} at step ${step}`;
    if (isReached) reached += 1;
    assert.deepEqual(await engine.owned(), [...owned, ...volumes].sort(), told);
    assert.deepEqual(await engine.foreign(), foreign, told);
  }

  t.diagnostic(`${reached} of ${places.length} kills came while there was something to do`);
  assert.ok(reached >= places.length - 3, 'too few for a test');
  assert.equal((await crashes.fleet.admin.call('listHosts', {})).hosts.length, 1);
});

interface Gates {
  /** What an agent asks of its engine. */
  readonly agent: Gate;
  /** What it asks of its server. */
  readonly server: Gate;
  /** How the engine is reached through its gate. */
  readonly host: string;
}

/** A server and an agent, each behind a gate at which it can be killed. */
class CrashedFleet {
  readonly fleet: FleetProcesses;
  readonly engine: FleetEngine;
  readonly #gates: Gates;
  #agent: Running;

  private constructor(fleet: FleetProcesses, engine: FleetEngine, gates: Gates) {
    this.fleet = fleet;
    this.engine = engine;
    this.#gates = gates;
    this.#agent = this.#startAgent();
  }

  static async start(t: TestContext): Promise<CrashedFleet> {
    const engine = await fleetEngineFor(t);
    const fleet = await FleetProcesses.start(t);
    const { gate: agent, host } = await gateOfEngine(t, engine.engine.endpoint, fleet.project.folder);
    const server = await Gate.open(t, {
      at: { host: '127.0.0.1', port: 0 },
      to: placeOf(fleet),
      counts: () => true,
    });
    const crashed = new CrashedFleet(fleet, engine, { agent, server, host });
    await fleet.online('box');
    await fleet.set('box', { heartbeatSeconds: 1 });
    return crashed;
  }

  /** Declares it and kills then, if it ever comes to that; gives whether it was, once all is as declared. */
  async goThrough({ who, call, moment }: Kill, spec: Record<string, unknown>): Promise<boolean> {
    const struck = Promise.withResolvers<true>();
    const victims = () => [...(who === 'server' ? [] : [this.#agent]), ...(who === 'agent' ? [] : [this.fleet.server])];
    const gate = who === 'server' ? this.#gates.server : this.#gates.agent;
    const ambush = {
      call,
      moment,
      strike: () => {
        for (const victim of victims()) strike(victim);
        struck.resolve(true);
      },
    };
    if (who !== 'server') gate.lay(ambush);
    const revision = await this.fleet.apply('box', spec);
    if (who === 'server') gate.lay(ambush);
    const isReached = await Promise.race([struck.promise, this.fleet.healthy('box', revision).then(() => false)]);
    gate.lay(undefined);
    if (isReached) await this.#comeBack(victims());
    await this.fleet.healthy('box', revision);
    return isReached;
  }

  async #comeBack(victims: readonly Running[]): Promise<void> {
    await Promise.all(victims.map((victim) => kill(victim)));
    if (victims.includes(this.fleet.server)) {
      await this.fleet.startServer();
      this.#gates.server.to = placeOf(this.fleet);
    }
    if (victims.includes(this.#agent)) this.#agent = this.#startAgent();
  }

  #startAgent(): Running {
    const { server, host } = this.#gates;
    return this.fleet.startAgent({ name: 'box', engine: host, url: `http://127.0.0.1:${server.port}` });
  }
}

/** Other than the one of the step before in several ways, with what the engine is then to have of ours. */
function aSpec(random: () => number, step: number) {
  const networks = chosen(random, ['front'], ['front', 'back'], ['back']);
  const volumeNames = chosen(random, ['data'], ['data', `data-${step}`]);
  const order = chosen(random, 'stop-first', 'start-first');
  const side = `side-${step % 2}`;
  const web = aWorkspace({
    env: { STEP: String(step) },
    networks,
    mounts: volumeNames.map((volume) => ({ type: 'volume', volume, target: `/${volume}` })),
    updateStrategy: { order, healthyWithin: 0.2 },
  });
  const spec = {
    networks: Object.fromEntries(networks.map((name) => [name, {}])),
    volumes: Object.fromEntries(volumeNames.map((name) => [name, {}])),
    workspaces: { web, [side]: aWorkspace() },
  };
  const owned = ['container web running', `container ${side} running`, ...networks.map((name) => `network ${name}`)];
  return { spec, owned, volumeNames };
}

function placeOf({ url }: FleetProcesses) {
  return { host: '127.0.0.1', port: Number(new URL(url).port) };
}

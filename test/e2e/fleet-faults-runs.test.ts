import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { hostLabels } from '../../src/contracts/fleet-names.ts';
import { type HostSpec, hostSpecSchema } from '../../src/contracts/host-spec.ts';
import { CrashableFleet, type Kill } from '../support/crashable-fleet.ts';
import { chosen, randomFrom } from '../support/seeded-random.ts';
import { assertAsDeclared, others, runningOf, stateWithOthers } from '../support/simulated-specs.ts';
import type { SimulatedState } from '../support/simulated-state.ts';

const seed = Number(process.env['AGORA_TEST_SEED'] ?? Date.now() % 1_000_000_007);
/** Runs in which somebody was killed, over all fleets. */
const wanted = Number(process.env['AGORA_TEST_RUNS'] ?? 200);
const fleets = 16;

test(`an agent and a server that are killed at any of their steps, in ${wanted} runs, leave a host as declared and nothing else touched`, {
  timeout: Math.max(280_000, wanted * 1_400),
}, async (t) => {
  t.diagnostic(`seed ${seed} (AGORA_TEST_SEED runs it again)`);

  const counted = await Promise.all(
    Array.from({ length: fleets }, (_, fleet) => runsOf(t, seed + fleet, wanted / fleets)),
  );

  const of = (what: keyof Counted) => counted.reduce((sum, one) => sum + one[what], 0);
  t.diagnostic(
    `${of('struck')} of ${of('runs')} runs had a kill; ${of('agents')} agents and ${of('servers')} servers died`,
  );
  assert.ok(of('struck') >= wanted);
  assert.ok(of('agents') >= wanted / 4 && of('servers') >= wanted / 4);
});

interface Counted {
  readonly runs: number;
  readonly struck: number;
  readonly agents: number;
  readonly servers: number;
}

/** On one fleet, one after the other, until so many had a kill. */
async function runsOf(t: TestContext, fleetSeed: number, wantedHere: number): Promise<Counted> {
  const random = randomFrom(fleetSeed);
  const state = stateWithOthers();
  const fleet = await CrashableFleet.start(t, state);
  const { hosts } = await fleet.admin.call('listHosts', {});
  const staying = new Set<string>();
  const going = new Set<string>();
  let workspaces: HostSpec['workspaces'] = {};
  guard(state, { hostId: hosts[0]?.hostId ?? '', going, workspaces: () => workspaces });
  const before = foreignOf(state);
  const counted = { runs: 0, struck: 0, agents: 0, servers: 0 };

  while (counted.struck < wantedHere) {
    counted.runs += 1;
    const spec = aSpec(random, counted.runs);
    for (const [name, { removeWithSpec }] of Object.entries(spec.volumes)) (removeWithSpec ? going : staying).add(name);
    const kills = Array.from({ length: chosen(random, 1, 1, 2) }, () => aKill(random));
    workspaces = spec.workspaces;

    const died = await fleet.goThrough(kills, spec).catch((cause: unknown) => {
      throw new Error(`Run ${counted.runs} of seed ${fleetSeed}, ${JSON.stringify(kills)}`, { cause });
    });

    counted.struck += died.length > 0 ? 1 : 0;
    counted.agents += died.filter(({ who }) => who !== 'server').length;
    counted.servers += died.filter(({ who }) => who !== 'agent').length;
    assertAsDeclared(state, spec, new Set([...staying].filter((name) => state.volumes.has(name))));
    assert.deepEqual(foreignOf(state), before);
  }

  const { hosts: after } = await fleet.admin.call('listHosts', {});
  assert.deepEqual(
    after.map(({ hostId, admission }) => [hostId, admission]),
    [[hosts[0]?.hostId, 'admitted']],
  );
  assert.equal((await fleet.status())?.change?.revision, counted.runs, 'each is accepted once');
  return counted;
}

function aKill(random: () => number): Kill {
  const who = chosen(random, 'agent', 'agent', 'server', 'server', 'both');
  const call = 1 + Math.floor(random() * (who === 'server' ? 5 : 8));
  return { who, call, moment: chosen(random, 'before', 'after') };
}

/** Other than the one before in several ways. */
function aSpec(random: () => number, run: number): HostSpec {
  const networks = chosen(random, ['n1'], ['n1', 'n2'], ['n2']);
  const volumes = chosen(random, ['v1'], ['v1', 'v2'], ['v2']);
  const workspace = (name: string) => ({
    image: chosen(random, 'good:1', 'good:2', 'moving:1'),
    env: name === 'a' ? { RUN: String(run) } : {},
    networks,
    mounts: volumes.map((volume) => ({ type: 'volume', volume, target: `/${volume}` })),
    updateStrategy: { order: chosen(random, 'stop-first', 'start-first'), healthyWithin: '20ms' },
  });
  const names = chosen(random, ['a'], ['a', 'b'], ['a', 'b', 'constructor']);
  return hostSpecSchema.parse({
    schemaVersion: 1,
    networks: Object.fromEntries(networks.map((name) => [name, {}])),
    volumes: Object.fromEntries(volumes.map((name) => [name, { removeWithSpec: chosen(random, true, false) }])),
    images: { moving: { pull: 'moving:1', policy: 'always' } },
    workspaces: Object.fromEntries(names.map((name) => [name, workspace(name)])),
  });
}

interface Rules {
  readonly hostId: string;
  /** Volumes that were ever declared to go. */
  readonly going: ReadonlySet<string>;
  /** Of now. */
  readonly workspaces: () => HostSpec['workspaces'];
}

/** Notes whatever is done to what is not ours, or was not declared to go, and who is started beside what it shall follow. */
function guard(state: SimulatedState, { hostId, going, workspaces }: Rules): void {
  state.onTouch = ({ action, name, labels }) => {
    state.never(others.has(name) || labels[hostLabels.host] !== hostId, `${action} "${name}", which is not ours`);
    state.never(action === 'remove volume' && !going.has(name), `volume "${name}" was not declared to go`);
    const workspace = labels[hostLabels.name] ?? '';
    const isSingle = Object.entries(workspaces()).some(
      ([name, { updateStrategy }]) => name === workspace && updateStrategy.order === 'stop-first',
    );
    const isBeside = state.containerOf(name)?.status !== 'running' && runningOf(state, workspace) > 0;
    state.never(action === 'start' && isSingle && isBeside, `"${workspace}" is there twice`);
  };
}

function foreignOf(state: SimulatedState) {
  const all = [...state.containers.values(), ...state.networks.values(), ...state.images.values()];
  return structuredClone(all.filter((one) => others.has('name' in one ? one.name : one.id)));
}

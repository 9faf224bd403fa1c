import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { casesOf } from '../../test/support/quick-tests.ts';
import type { Fault } from '../../test/support/simulated-calls.ts';
import { aTarget, SimulatedHost } from '../../test/support/simulated-host.ts';
import {
  addLeftovers,
  assertAsDeclared,
  guard,
  leftoversArbitrary,
  others,
  runningOf,
  specArbitrary,
  specOf,
  stateWithOthers,
} from '../../test/support/simulated-specs.ts';
import type { SimulatedState } from '../../test/support/simulated-state.ts';
import type { HostSpec } from '../contracts/host-spec.ts';

const agentFaults: readonly Fault[] = ['fails', 'lost', 'dies-before', 'dies-after', 'slow'];
const engineFaults: readonly Fault[] = ['engine-ends', 'both-end'];
const faultsOf = (faults: readonly Fault[]) =>
  fc.array(fc.tuple(fc.nat(60), fc.constantFrom(...faults)), { maxLength: 12 });
const faultsArbitrary = faultsOf([...agentFaults, ...engineFaults]);
const seed = Number(process.env['AGORA_TEST_SEED'] ?? Date.now() % 1_000_000_007);
const numRuns = Number(process.env['AGORA_TEST_RUNS'] ?? casesOf(200));

/** The faults of each stage of a scenario, by the number of the call. */
class FaultPlan {
  readonly #faults: ReadonlyMap<number, Fault>;
  #calls = 0;

  constructor(planned: readonly (readonly [number, Fault])[]) {
    this.#faults = new Map(planned);
  }

  begin(): void {
    this.#calls = 0;
  }

  readonly next = (): Fault => this.#faults.get(this.#calls++) ?? 'none';
}

/**
 * What was declared of volumes, and so which of them may go, and which must. One that was declared both ways may do either:
 * an agent that is overtaken knows nothing of what was declared in between.
 */
class Marks {
  readonly #going = new Set<string>();
  readonly #staying = new Set<string>();

  declare(spec: HostSpec): void {
    for (const [name, { removeWithSpec }] of Object.entries(spec.volumes)) {
      (removeWithSpec ? this.#going : this.#staying).add(name);
    }
  }

  get going(): ReadonlySet<string> {
    return this.#going;
  }

  kept(state: SimulatedState): Set<string> {
    // Nobody knows any more of one without labels that it was to go.
    const names = [...this.#staying, ...state.halfVolumes].filter((name) => state.volumes.has(name));
    return new Set(names);
  }
}

/** Notes when a workspace that is replaced start-first is not there for a moment, or one that is stop-first is there twice. */
function watchMoments(state: SimulatedState, spec: HostSpec): void {
  const steady = Object.entries(spec.workspaces).filter(
    ([name, { running, updateStrategy }]) =>
      running && updateStrategy.order === 'start-first' && runningOf(state, name) > 0,
  );
  const single = Object.entries(spec.workspaces).filter(
    ([name, { updateStrategy }]) => updateStrategy.order === 'stop-first' && runningOf(state, name) <= 1,
  );
  state.onChange = () => {
    for (const [name] of single) state.never(runningOf(state, name) > 1, `"${name}" is there twice`);
    for (const [name] of steady) state.never(runningOf(state, name) === 0, `"${name}" is not there for a moment`);
  };
}

test('whatever fails and whenever the agent dies, a host becomes as declared and nothing else is touched', async (t) => {
  t.diagnostic(`seed ${seed} (AGORA_TEST_SEED runs it again)`);
  const scenario = fc.record({
    specs: fc.array(fc.tuple(specArbitrary, fc.nat(40)), { minLength: 2, maxLength: 4 }),
    faults: faultsArbitrary,
    lingers: fc.boolean(),
  });
  let lives = 0;
  await fc.assert(
    fc.asyncProperty(scenario, async ({ specs, faults: planned, lingers }) => {
      const state = stateWithOthers();
      const marks = new Marks();
      guard(state, () => marks.going);
      const plan = new FaultPlan(planned);
      const host = new SimulatedHost(state, plan.next, { lingers });

      for (const [index, [sketch, callsUntilNext]] of specs.entries()) {
        const spec = specOf(sketch);
        plan.begin();
        marks.declare(spec);
        watchMoments(state, spec);
        if (index > 0) state.registry.set('moving:1', `image-moved-${index}`);
        const target = aTarget(spec, { revision: index + 1 });
        const isOvertaken = callsUntilNext < 30 && index < specs.length - 1;
        if (isOvertaken) await host.begin(target, callsUntilNext + 1);
        else {
          const { decision } = await host.converge(target);
          assertAsDeclared(state, spec, marks.kept(state));
          assert.deepEqual(decision.steps, []);
        }
      }

      lives += host.lives;
      for (const name of ['foreign', 'copy', 'run-of-built']) assert.equal(state.containerOf(name)?.status, 'running');
    }),
    { numRuns, seed },
  );
  t.diagnostic(`${lives} lives of agents`);
});

test('whatever an earlier agent left behind, and though all memory of it is lost, a host becomes as declared', async (t) => {
  t.diagnostic(`seed ${seed} (AGORA_TEST_SEED runs it again)`);
  const scenario = fc.record({
    ...{ sketch: specArbitrary, leftovers: leftoversArbitrary },
    ...{ faults: faultsOf(agentFaults), lingers: fc.boolean() },
  });
  await fc.assert(
    fc.asyncProperty(scenario, async ({ sketch, leftovers, faults: planned, lingers }) => {
      const state = stateWithOthers();
      const spec = specOf(sketch);
      addLeftovers(state, leftovers);
      const marks = new Marks();
      marks.declare(spec);
      guard(state, () => new Set([...marks.going, ...leftovers.markedVolumes]));
      const host = new SimulatedHost(state, new FaultPlan(planned).next, { forgets: () => true, lingers });

      const { decision } = await host.converge(aTarget(spec));

      const kept = [...state.volumes.keys()].filter((name) => !others.has(name) && !marks.going.has(name));
      assertAsDeclared(state, spec, new Set(kept));
      assert.deepEqual(decision.steps, []);
    }),
    { numRuns, seed },
  );
});

test('a version that does not prove itself gives way to the one before, whenever the agent dies', async (t) => {
  t.diagnostic(`seed ${seed} (AGORA_TEST_SEED runs it again)`);
  const scenario = fc.record({
    image: fc.constantFrom('crashes:1', 'sick:1', 'stuck:1'),
    order: fc.constantFrom('stop-first' as const, 'start-first' as const),
    hasPort: fc.boolean(),
    faults: faultsArbitrary,
    lingers: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(scenario, async ({ image, order, hasPort, faults: planned, lingers }) => {
      const state = stateWithOthers();
      guard(state, () => new Set());
      const plan = new FaultPlan(planned);
      const host = new SimulatedHost(state, plan.next, { lingers });
      const sketch = {
        networks: [],
        volumes: [],
        hasCheck: true,
        isRunning: true,
        restart: 'unless-stopped',
        order,
        port: hasPort ? 80 : undefined,
      };
      const specWith = (image: string) =>
        specOf({ workspaces: { a: { ...sketch, image, env: {} } }, networks: {}, volumes: {}, context: 'one' });
      await host.converge(aTarget(specWith('good:1')));
      plan.begin();
      watchMoments(state, specWith(image));

      const { decision } = await host.converge(aTarget(specWith(image), { revision: 2 }));

      assertAsDeclared(state, specWith('good:1'), new Set());
      assert.deepEqual(decision.steps, []);
      assert.match(decision.problems.map(({ message }) => message).join(), /the one before was put back/);
    }),
    { numRuns, seed },
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { casesOf } from '../../test/support/quick-tests.ts';
import { harm, harms } from '../../test/support/simulated-harm.ts';
import { aTarget, SimulatedHost } from '../../test/support/simulated-host.ts';
import { assertAsDeclared, guard, specArbitrary, specOf, stateWithOthers } from '../../test/support/simulated-specs.ts';

const seed = Number(process.env['AGORA_TEST_SEED'] ?? Date.now() % 1_000_000_007);
const numRuns = Number(process.env['AGORA_TEST_RUNS'] ?? casesOf(200));
const harmsArbitrary = fc.array(fc.tuple(fc.nat(60), fc.constantFrom(...harms), fc.nat(5)), { maxLength: 6 });

test('whatever happens to a host, and whenever, it becomes as declared, or it is told what was put back', async (t) => {
  t.diagnostic(`seed ${seed} (AGORA_TEST_SEED runs it again)`);
  const scenario = fc.record({
    specs: fc.array(fc.tuple(specArbitrary, harmsArbitrary), { minLength: 1, maxLength: 3 }),
    restart: fc.constantFrom('always' as const, 'unless-stopped' as const),
  });
  await fc.assert(
    fc.asyncProperty(scenario, async ({ specs, restart }) => {
      const state = stateWithOthers();
      const going = new Set<string>();
      const staying = new Set<string>();
      guard(state, () => going);
      let calls = 0;
      let planned: (typeof specs)[number][1] = [];
      const host = new SimulatedHost(state, () => {
        for (const [call, what, which] of planned) if (call === calls) harm(state, what, which);
        calls += 1;
        return 'none';
      });

      for (const [index, [sketch, harmsNow]] of specs.entries()) {
        const declared = specOf(sketch);
        const workspaces = Object.fromEntries(
          Object.entries(declared.workspaces).map(([name, workspace]) => [name, { ...workspace, restart }]),
        );
        const spec = { ...declared, workspaces };
        for (const [name, { removeWithSpec }] of Object.entries(spec.volumes)) {
          (removeWithSpec ? going : staying).add(name);
        }
        calls = 0;
        planned = harmsNow;

        const { decision } = await host.converge(aTarget(spec, { revision: index + 1 }));

        assert.deepEqual(state.violations, []);
        // A good one may look bad: it ended by itself, and again with its engine, just before it had proven itself.
        if (decision.problems.some(({ message }) => message.includes('was put back'))) return;
        const kept = [...staying].filter((name) => state.volumes.has(name));
        assertAsDeclared(state, spec, new Set(kept));
      }
    }),
    { numRuns, seed },
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aSpec, decide, messagesOf, settledState } from '../../test/support/settled-host.ts';
import type { ObservedContainer } from '../contracts/host-observation.ts';
import { foreignLimits } from './limits.ts';

function linesOf(workspace: Record<string, unknown>, limits: ObservedContainer['limits']): string[] {
  const spec = aSpec({ workspaces: { web: { image: 'busybox:1', ...workspace } } }).workspaces['web'];
  assert.ok(spec !== undefined);
  return foreignLimits({ limits } as ObservedContainer, spec);
}

test('limits as declared are nothing to tell of, and neither are those that an engine cannot set or has of its own', () => {
  const declared = { memory: '1g', cpus: 0.333333, pids: 10, restart: 'no' };

  assert.deepEqual(linesOf(declared, { memoryBytes: 2 ** 30, cpus: 0.33333, pids: 10, restart: 'no' }), []);
  assert.deepEqual(linesOf({ cpus: 0.001 }, { cpus: 0.01 }), []);
  assert.deepEqual(linesOf(declared, { restart: 'no' }), []);
  assert.deepEqual(linesOf({}, { pids: 2_048 }), []);
});

test('limits that somebody set are told of with what is declared', async () => {
  assert.deepEqual(linesOf({ cpus: 1 }, { memoryBytes: 5, cpus: 2, restart: 'always' }), [
    'memory is 5 bytes, declared is none',
    'cpus is 2, declared is 1',
    'restart is "always", declared is "unless-stopped"',
  ]);

  const spec = { workspaces: { web: { image: 'busybox:1' } } };
  const decision = await decide(await settledState(spec), spec, {
    seen: (observed) => ({
      ...observed,
      containers: observed.containers.map((one) => ({ ...one, limits: { cpus: 2 } })),
    }),
  });
  assert.deepEqual(messagesOf(decision), [
    'web: Workspace "web" is not as declared, somebody changed it: cpus is 2, declared is none',
  ]);
  assert.deepEqual(decision.steps, []);
});

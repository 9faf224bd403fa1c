import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerSpec, Engine } from '../engine/engine.ts';
import { claimContainer } from './docker-claim.ts';

test('a create that is given up is waited for, since the engine makes the container all the same', async () => {
  const caller = new AbortController();
  // Only what the fault needs: a create during which the caller loses interest.
  const engine = {
    createContainer: async (_spec: ContainerSpec, signal?: AbortSignal) => {
      caller.abort();
      signal?.throwIfAborted();
      return 'made';
    },
  } as unknown as Engine;

  const claim = await claimContainer(engine, { name: 'd-1', labels: {} } as ContainerSpec, caller.signal);

  assert.deepEqual(claim, { kind: 'created', id: 'made' });
});

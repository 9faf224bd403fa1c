import assert from 'node:assert/strict';
import { test } from 'node:test';
import { providerSummary } from './provider-summary.ts';

const held = {
  cpus: 'enforced',
  memory: 'enforced',
  pids: 'enforced',
  disk: 'partly',
  network: 'enforced',
  files: 'enforced',
} as const;

test('a provider says which limits it does not hold, and nothing where it holds all', () => {
  const weak = { ...held, cpus: 'not-enforced', memory: 'not-enforced' } as const;

  assert.equal(providerSummary('docker unix:///e.sock', undefined, held), 'docker unix:///e.sock');
  assert.equal(providerSummary('process', 'bubblewrap', weak), 'process (bubblewrap; not held: cpus, memory)');
});

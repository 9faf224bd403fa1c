import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyHostSpec, type HostSpec, hostSpecSchema } from '../contracts/host-spec.ts';
import { specDifferences } from './spec-differences.ts';

function aSpec(workspaces: object): HostSpec {
  return hostSpecSchema.parse({ schemaVersion: 1, workspaces });
}

test('the same spec has no differences, in whatever order it is written', () => {
  const one = aSpec({ web: { image: 'a', env: { A: '1', B: '2' } } });

  assert.deepEqual(specDifferences(one, aSpec({ web: { env: { B: '2', A: '1' }, image: 'a' } })), []);
});

test('a field that changed is told by its path, a list as a whole', () => {
  const before = aSpec({ web: { image: 'a', env: { A: '1' }, networks: [] } });
  const after = aSpec({ web: { image: 'b', env: { B: '1' }, devices: ['/dev/x'] } });

  assert.deepEqual(specDifferences(before, after), [
    { path: ['workspaces', 'web', 'devices'], before: [], after: ['/dev/x'] },
    { path: ['workspaces', 'web', 'env', 'A'], before: '1', after: undefined },
    { path: ['workspaces', 'web', 'env', 'B'], before: undefined, after: '1' },
    { path: ['workspaces', 'web', 'image'], before: 'a', after: 'b' },
  ]);
});

test('a resource that is new or gone is told once', () => {
  const spec = aSpec({ web: { image: 'a' } });

  assert.deepEqual(
    specDifferences(emptyHostSpec, spec).map(({ path, before }) => ({ path, before })),
    [{ path: ['workspaces', 'web'], before: undefined }],
  );
  assert.deepEqual(
    specDifferences(spec, emptyHostSpec).map(({ path, after }) => ({ path, after })),
    [{ path: ['workspaces', 'web'], after: undefined }],
  );
});

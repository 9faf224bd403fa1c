import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkGivenSpec } from './spec-problems.ts';

function told(value: unknown): string[] {
  const { spec, problems } = checkGivenSpec(value);
  assert.equal(spec, undefined);
  return problems.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

const web = (fields: object) => ({ schemaVersion: 1, workspaces: { web: { image: 'a', ...fields } } });

test('values of another kind are told with what to write', () => {
  assert.deepEqual(told(null), [': is empty']);
  assert.deepEqual(told([]), [': must be an object, not a list']);
  assert.deepEqual(told({ workspaces: {} }), ['schemaVersion: is missing: it must be 1']);
  assert.deepEqual(told(web({ env: { A: 1, B: true } })), [
    'workspaces.web.env.A: must be text, not a number: quote it',
    'workspaces.web.env.B: must be text, not true or false: quote it',
  ]);
  assert.deepEqual(told(web({ ports: ['80:80'] })), [
    'workspaces.web.ports.0: must be an object, not text: such as { container: 80, host: 8080 }',
  ]);
  assert.deepEqual(told(web({ mounts: [{ type: 'bnd' }] })), [
    'workspaces.web.mounts.0.type: must be "volume" or "bind" or "tmpfs"',
  ]);
});

test('what the rest of a spec means is told at once with what has another shape', () => {
  const value = {
    schemaVersion: 2,
    networks: { front: { subnt: 'x' } },
    volumes: { 'bad name': {} },
    workspaces: {
      web: { image: 'a', networks: ['front', 'frnt'], mounts: ['x'], memory: 'lots' },
      api: { networks: ['back'] },
    },
  };

  assert.deepEqual(told(value), [
    'schemaVersion: must be 1',
    'networks.front.subnt: there is no such key (did you mean "subnet"?)',
    'volumes.bad name: must be 1 to 63 characters of A-Z a-z 0-9 . _ -, starting with a letter or digit',
    'workspaces.web.mounts.0: must be an object, not text: such as { type: bind, source: /srv, target: /data }',
    'workspaces.web.memory: must be bytes, or a number with k, m, g or t',
    'workspaces.api.image: is missing',
    'workspaces.web.networks.1: no network "frnt" is declared (did you mean "front"?)',
  ]);
});

test('hundreds of problems are cut', () => {
  const workspaces = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`w${index}`, {}]));

  assert.equal(told({ schemaVersion: 1, workspaces }).length, 100);
});

test('a spec without a problem is the spec', () => {
  assert.deepEqual(checkGivenSpec(web({})).problems, []);
  assert.equal(checkGivenSpec(web({})).spec?.workspaces['web']?.image, 'a');
});

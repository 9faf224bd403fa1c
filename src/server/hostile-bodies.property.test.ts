import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { casesOf } from '../../test/support/quick-tests.ts';
import { emptyHostSpec } from '../contracts/host-spec.ts';
import type { Route } from '../contracts/route.ts';
import { type RouteName, routes } from '../contracts/routes.ts';
import { someFacts, startServer, TestAgent } from './suite-server.ts';

const seed = Number(process.env['AGORA_TEST_SEED'] ?? Date.now() % 1_000_000_007);
const numRuns = Number(process.env['AGORA_TEST_RUNS'] ?? casesOf(300));
const at = '2026-01-01T00:00:00.000Z';
const digest = `sha256:${'0'.repeat(64)}`;

const hostile = [
  ...[null, true, -1, 0.5, 2 ** 53, 1e308, '', '\0', '\ud800', '\u202e', '\n', '__proto__', 'constructor', '../..'],
  ...['9999-12-31T23:59:59Z', '0000-01-01T00:00:00Z', 'a'.repeat(70_000), digest, [], {}, [[]], Array(3_000).fill(0)],
  ...[JSON.parse('{"__proto__":{"a":1}}'), { constructor: {} }],
];

const workspace = {
  image: 'web',
  command: ['a'],
  env: { A: 'b' },
  ports: [{ container: 80, host: 8080 }],
  networks: [],
  labels: { a: 'b' },
};
const container = {
  ...{ id: 'c', name: 'web', imageId: 'i', labels: { a: 'b' }, status: 'running', health: 'none', exitCode: 0 },
  ...{ isOutOfMemory: false, error: '', restartCount: 0, startedAt: at, networks: ['front'], limits: { cpus: 1 } },
};
const step = { kind: 'pull-image', name: 'web', reason: 'a', state: 'done', startedAt: at };
const size = { totalBytes: 1, usedBytes: 1, availableBytes: 1 };
const host = {
  ...{ cpu: 0.5, cpus: [0.5], load: [0, 0, 0], memory: size, swap: size, processes: 1 },
  ...{ disks: [{ path: '/', ...size }], uptimeSeconds: 1 },
};
const buildId = `b-${'a'.repeat(26)}`;
const build = { buildId, image: 'web', tag: 'web:1', context: digest, state: 'running', queuedAt: at };

/** What is sent, before some of it is something else. */
const bodies: Partial<Record<RouteName, unknown>> = {
  hello: { protocol: 1, nonce: 'a'.repeat(43) },
  register: {
    registration: {
      ...{ protocol: 1, challenge: 'a'.repeat(43), publicKey: `${'a'.repeat(42)}A`, sealingKey: `${'a'.repeat(42)}A` },
      ...{ registrationToken: '0'.repeat(64), name: 'box', instanceId: 'a'.repeat(43), facts: someFacts },
    },
    signature: 'a'.repeat(86),
  },
  heartbeat: {
    ...{ agentTime: at, engine: { isUp: true }, facts: someFacts },
    samples: [
      { at, host, gpus: [{ uuid: 'g', name: 'g', processes: [] }], workspaces: [{ name: 'web', restarts: 0 }] },
    ],
  },
  report: {
    ...{ sequence: 1, revision: 1, times: { applied: at }, steps: [step], problems: [{ name: 'web', message: 'a' }] },
    observation: { observedAt: at, networks: [], volumes: [], images: [], containers: [container] },
    workspaces: [{ name: 'web', state: 'running', restarts: 0 }],
  },
  reportBuilds: { builds: [build], logs: [{ buildId, first: 0, lines: ['a'] }], pushes: [], live: [buildId] },
  createToken: { label: 'a', ttlSeconds: 60, role: 'viewer', user: 'admin' },
  createJoinToken: { uses: 1, ttlSeconds: 60 },
  addUser: { name: 'ann', role: 'viewer' },
  changeHost: { settings: { heartbeatSeconds: 10, metrics: { gpu: false } } },
  approveHost: { fingerprint: 'aaaa-aaaa-aaaa-aaaa', replaces: 'box' },
  planSpec: { spec: { ...emptyHostSpec, workspaces: { web: workspace } } },
  applySpec: {
    spec: { ...emptyHostSpec, workspaces: { web: { ...workspace, secrets: { T: 'env:T' } } } },
    ...{ secrets: { 'env:T': 'a' }, message: 'a' },
  },
  rollBackSpec: { revision: 1 },
};

type Place = readonly (string | number)[];

function placesOf(value: unknown, above: Place = []): Place[] {
  const parts = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return [above, ...parts.flatMap(([key, part]) => placesOf(part, [...above, key]))];
}

function changed(value: unknown, [key, ...below]: Place, put: unknown): unknown {
  if (key === undefined) return put;
  const copy: Record<string, unknown> | unknown[] = Array.isArray(value) ? [...value] : { ...(value as object) }; // A place of it.
  Object.assign(copy, { [key]: changed(Reflect.get(copy, key), below, put) });
  return copy;
}

const names = Object.keys(bodies) as RouteName[]; // Typed above.
const requestArbitrary = fc.constantFrom(...names).chain((name) => {
  const place = fc.constantFrom(...placesOf(bodies[name]));
  return fc.record({
    name: fc.constant(name),
    puts: fc.array(fc.tuple(place, fc.constantFrom(...hostile)), { maxLength: 2 }),
  });
});

test(`whatever is in a body, it is answered and never a failure of the server (seed ${seed})`, async (t) => {
  const lines: string[] = [];
  const { url, admin, adminToken } = await startServer(t, { log: (line) => void lines.push(line) });
  const { joinToken } = await admin.call('createJoinToken', { body: {} });
  const agent = new TestAgent(url);
  await agent.register({ joinToken });
  const send = async (name: RouteName, body: string) => {
    const { method, path: pattern, access }: Route = routes[name];
    const path = pattern.replace(':host', 'box').replace(':user', 'admin');
    const signed = access === 'agent' ? agent.authorization({ method, path, body }) : `Bearer ${adminToken}`;
    const headers = { 'content-type': 'application/json', ...(access !== 'public' && { authorization: signed }) };
    const response = await fetch(`${url}${path}`, { method, headers, body });
    return { status: response.status, text: await response.text() };
  };

  const refusedAnyway = ['register', 'approveHost', 'rollBackSpec'];
  for (const name of names.filter((one) => !refusedAnyway.includes(one))) {
    const { status, text } = await send(name, JSON.stringify(bodies[name]));
    assert.ok(status < 300, `${name} answered ${status}: ${text}`);
  }
  const property = fc.asyncProperty(requestArbitrary, async ({ name, puts }) => {
    const body = puts.reduce((whole, [place, put]) => {
      const isThere = placesOf(whole).some((one) => one.join('\0') === place.join('\0'));
      return isThere ? changed(whole, place, put) : whole;
    }, bodies[name]);
    const { status, text } = await send(name, JSON.stringify(body));
    assert.ok(status < 500, `${name} answered ${status}: ${text}`);
  });
  await fc.assert(property, { seed, numRuns });

  assert.deepEqual(
    lines.filter((line) => line.includes(' failed: ')),
    [],
  );
  // What was taken can be told.
  const params = { host: 'box' };
  await admin.call('getHost', { params });
  await admin.call('listHosts', {});
  await admin.call('listActivity', { query: { limit: 1_000 } });
  await admin.call('listTokens', {});
  await admin.call('listRevisions', { params });
  await admin.call('listBuilds', { params });
  await admin.call('getMetrics', { params });
  await admin.call('getObservation', { params });
  const scraped = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${adminToken}` } });
  assert.equal(scraped.status, 200);
});

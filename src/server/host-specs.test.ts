import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { emptyHostSpec, type HostSpec, hostSpecSchema } from '../contracts/host-spec.ts';
import type { ServerClient } from '../server-client/server-client.ts';
import { startServer, TestAgent } from './suite-server.ts';

const params = { host: 'box' };
const web: HostSpec = hostSpecSchema.parse({
  schemaVersion: 1,
  workspaces: { web: { image: 'nginx:1', secrets: { KEY: 'env:KEY' } } },
});
const first = { 'env:KEY': 'one' };
const second = { 'env:KEY': 'two' };
const hasMoved = (error: unknown) => isAppError(error, 'task-conflict') && /has moved since/.test(error.message);

async function aHost(t: TestContext) {
  const server = await startServer(t);
  const { joinToken } = await server.admin.call('createJoinToken', { body: {} });
  const agent = new TestAgent(server.url);
  await agent.register({ joinToken });
  const report = async (sequence: number, more: object = {}) => {
    const observation = { observedAt: new Date().toISOString(), networks: [], volumes: [], images: [], containers: [] };
    await agent.client.call('report', { body: { sequence, observation, ...more } });
  };
  return { ...server, agent, report };
}

async function apply(client: ServerClient, body: object) {
  const { change, isNew } = await client.call('applySpec', { params, body: { spec: web, secrets: first, ...body } });
  return { revision: change.revision, isNew };
}

test('what is declared already makes no revision, and a new value of a secret does', async (t) => {
  const { admin } = await aHost(t);

  assert.deepEqual(await apply(admin, { message: 'start' }), { revision: 1, isNew: true });
  assert.deepEqual(await apply(admin, { message: 'again', secrets: { ...first, 'env:UNUSED': 'x' } }), {
    revision: 1,
    isNew: false,
  });
  assert.deepEqual(await apply(admin, { secrets: second }), { revision: 2, isNew: true });
  assert.deepEqual(await apply(admin, { secrets: second, again: true }), { revision: 3, isNew: true });
  assert.deepEqual(await apply(admin, { spec: emptyHostSpec }), { revision: 4, isNew: true });

  const rolledBack = await admin.call('rollBackSpec', { params, body: { revision: 4 } });
  assert.deepEqual([rolledBack.change.revision, rolledBack.isNew], [4, false]);
  const { revisions } = await admin.call('listRevisions', { params });
  assert.deepEqual(
    revisions.map(({ message }) => message),
    ['', '', '', 'start'],
  );
});

test('a host that was told more than this server knows gets past it by the same spec', async (t) => {
  const { admin, agent, report } = await aHost(t);
  await apply(admin, {});
  await agent.client.call('desired', {});
  await report(1, { revision: 5 });

  const { revision, isNew } = await apply(admin, {});

  assert.deepEqual([isNew, revision > 5], [true, true]);
});

for (const isReported of [true, false]) {
  const when = isReported ? 'of a host that reported' : 'of a host that never reported';
  test(`a plan ${when} is another one with another value of a secret`, async (t) => {
    const { admin, report } = await aHost(t);
    if (isReported) await report(1);
    const planned = await admin.call('planSpec', { params, body: { spec: web, secrets: first } });

    await assert.rejects(apply(admin, { secrets: second, check: planned.index }), hasMoved);
    assert.deepEqual(await apply(admin, { check: planned.index }), { revision: 1, isNew: true });

    const same = await admin.call('planSpec', { params, body: { spec: web } });
    assert.deepEqual(await apply(admin, { check: same.index }), { revision: 1, isNew: false });
    await assert.rejects(apply(admin, { secrets: second, check: same.index }), hasMoved);
  });
}

test('a viewer cannot find out by plans which value a secret has', async (t) => {
  const { admin, as, report } = await aHost(t);
  await report(1);
  await apply(admin, {});
  const { token } = await admin.call('addUser', { body: { name: 'vera', role: 'viewer' } });
  const plan = (client: ServerClient, secrets: Record<string, string>) =>
    client.call('planSpec', { params, body: { spec: web, secrets } });

  const [right, wrong] = [await plan(as(token), first), await plan(as(token), second)];

  assert.deepEqual(right, wrong);
  assert.match(right.problems.at(-1)?.message ?? '', /takes the role operator/);
  assert.notEqual((await plan(admin, first)).index, (await plan(admin, second)).index);
});

test('what was declared under a key that is lost is declared anew', async (t) => {
  const server = await aHost(t);
  await apply(server.admin, {});
  await writeFile(join(server.folder, 'at-rest.key'), randomBytes(32).toString('hex'));
  const { admin } = await server.restart();

  await assert.rejects(
    apply(admin, {}),
    (error) => isAppError(error, 'state-corrupt') && /--again/.test(error.next ?? ''),
  );
  assert.deepEqual(await apply(admin, { again: true }), { revision: 2, isNew: true });
});

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { emptyHostSpec } from '../contracts/host-spec.ts';
import { startServer, TestAgent } from './suite-server.ts';

/** A host for which one revision is declared that it was not handed yet. */
async function aDeclaredHost(t: TestContext) {
  const { server, admin, url } = await startServer(t);
  const agent = new TestAgent(url);
  await agent.register({ joinToken: await server.createJoinToken({ uses: 1, ttlSeconds: 60 }) });
  await admin.call('applySpec', { params: { host: 'box' }, body: { spec: emptyHostSpec, message: 'mine' } });
  const changeNow = async () => (await admin.call('getHost', { params: { host: 'box' } })).change;
  return { agent, changeNow };
}

const times = { healthy: '2026-11-21T00:00:00.000Z' };

test('what was declared moves past a number that its host has from before a restore, and is not taken for it', async (t) => {
  const { agent, changeNow } = await aDeclaredHost(t);

  await agent.client.call('report', { body: { sequence: 1, revision: 3, times } });
  const moved = await changeNow();
  const response = await agent.client.send('desired', { query: { waitSeconds: 0 } });

  assert.deepEqual([moved?.revision, moved?.message, Object.keys(moved?.times ?? {})], [4, 'mine', ['accepted']]);
  const { state } = (await response.json()) as { state: { revision: number } }; // Asserted below.
  assert.equal(state.revision, 4);
});

test('what a host was handed stays under its number, and so does what it tells of earlier ones', async (t) => {
  const { agent, changeNow } = await aDeclaredHost(t);
  await (await agent.client.send('desired', { query: { waitSeconds: 0 } })).body?.cancel();

  await agent.client.call('report', { body: { sequence: 1, revision: 1, times } });

  const change = await changeNow();
  assert.deepEqual([change?.revision, change?.times.healthy], [1, times.healthy]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agentPlace, approve } from '../../test/support/agent-place.ts';
import { engineForTests } from '../../test/support/engine.ts';
import { waitUntil } from '../base/deadline.ts';
import type { HostEngine } from '../engine/host-engine.ts';
import { startServer } from '../server/suite-server.ts';

const { engine, skip } = await engineForTests();

test('an engine that does not say what runs there holds no heartbeat up', { skip, timeout: 60_000 }, async (t) => {
  const server = await startServer(t);
  const place = await agentPlace(t, engine?.address ?? '');
  let asked = 0;
  const mute: HostEngine = {
    ...place.engine,
    observeContainers: (signal) => {
      asked += 1;
      return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
    },
  };
  place.start(server.url, { engine: mute });
  await approve(server, place.name);
  const params = { host: place.name };
  await server.admin.call('changeHost', { params, body: { settings: { heartbeatSeconds: 1 } } });
  const links = new Set<string>();
  const lastSeen = async () => {
    const { link } = (await server.admin.call('getHost', { params })).host;
    links.add(link.link);
    return link.lastSeenAt;
  };
  await waitUntil('the engine to be asked', () => asked > 0);

  const startedAt = performance.now();
  const seen = new Set<string | undefined>();
  await waitUntil('heartbeats', async () => seen.add(await lastSeen()).size > 14, {
    timeoutMs: 30_000,
    intervalMs: 50,
  });

  assert.ok(performance.now() - startedAt < 28_000);
  assert.deepEqual([...links], ['online']);
});

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { agentPlace, apply, approve } from '../../test/support/agent-place.ts';
import { busyboxContext } from '../../test/support/busybox-image.ts';
import { engineForTests, rawEngine } from '../../test/support/engine.ts';
import { waitUntil } from '../base/deadline.ts';
import { type HostSpec, hostSpecSchema } from '../contracts/host-spec.ts';
import { dockerHostEngine } from '../engine/docker-host.ts';
import { parseEngineHost } from '../engine/endpoint.ts';
import type { HostEngine } from '../engine/host-engine.ts';
import { startServer, type TestServer } from '../server/suite-server.ts';

const { engine: found, skip } = await engineForTests();
const address = found?.address ?? '';
const patience = { timeoutMs: 30_000 };

describe('an agent with a server and an engine', { skip }, () => {
  const mark = randomUUID().slice(0, 8);
  const image = `agora-agent-test-${mark}:latest`;
  let engine: HostEngine;

  before(async () => {
    engine = dockerHostEngine({ endpoint: parseEngineHost(address, 'test') });
    await engine.build(await busyboxContext(), {
      tag: image,
      dockerfile: 'Dockerfile',
      args: {},
      labels: { 'agent.test': mark },
      target: undefined,
      useCache: true,
      pullBase: false,
    });
  });
  after(() => engine.removeImage(image));

  const name = (what: string) => `agora-agent-test-${mark}-${what}`;
  const specOf = (what: string, rest: object = {}): HostSpec =>
    hostSpecSchema.parse({
      schemaVersion: 1,
      workspaces: { [name(what)]: { image, command: ['sleep', '1000'], stopGrace: 0, ...rest } },
    });
  const see = async (what: string) =>
    (await engine.observeContainers()).find((container) => container.name === name(what));
  const running = async (what: string, but?: string) =>
    await waitUntil(
      `"${what}" to run`,
      async () => {
        const container = await see(what);
        return container?.status === 'running' && container.startedAt !== but ? container : undefined;
      },
      patience,
    );
  const statusOf = async (server: TestServer, host: string) => await server.admin.call('getHost', { params: { host } });
  const healthy = async (server: TestServer, host: string, revision: number) =>
    await waitUntil(
      `revision ${revision} to be healthy`,
      async () => {
        const status = await statusOf(server, host);
        return status.change?.revision === revision && status.change.times.healthy ? status : undefined;
      },
      patience,
    );

  test('a host waits for approval, is kept as declared, and repairs what is done to it', async (t) => {
    const server = await startServer(t);
    const place = await agentPlace(t, address);

    place.start(server.url);
    await place.has('pending');
    const hostId = await approve(server, place.name);
    await place.has('is admitted');
    const specced = await apply(server, place.name, specOf('life'));
    const first = await running('life');
    const status = await healthy(server, place.name, specced.change.revision);
    await (await rawEngine(address)).getContainer(first.id).kill();
    await running('life', first.startedAt);

    assert.equal(status.host.hostId, hostId);
    assert.deepEqual(Object.keys(status.change?.times ?? {}).toSorted(), [
      'accepted',
      'applied',
      'delivered',
      'healthy',
      'planned',
    ]);
    assert.equal(status.host.link.engine, 'up');
    assert.equal(status.workspaces[0]?.state, 'running');
  });
});

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { agentPlace, apply, approve, serveAgain } from '../../test/support/agent-place.ts';
import { busyboxContext, plainBuild } from '../../test/support/busybox-image.ts';
import { engineForTests, rawEngine } from '../../test/support/engine.ts';
import { waitUntil } from '../base/deadline.ts';
import { nextContainerName } from '../contracts/fleet-names.ts';
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
      ...plainBuild,
      tag: image,
      labels: { 'agent.test': mark },
    });
  });
  after(() => engine.removeImage(image));

  const name = (what: string) => `agora-agent-test-${mark}-${what}`;
  const specOf = (what: string, rest: object = {}): HostSpec =>
    hostSpecSchema.parse({
      schemaVersion: 1,
      workspaces: {
        [name(what)]: {
          image,
          command: ['sleep', '1000'],
          stopGrace: 0,
          updateStrategy: { healthyWithin: 1 },
          ...rest,
        },
      },
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
  const statusOf = async (server: Pick<TestServer, 'admin'>, host: string) =>
    await server.admin.call('getHost', { params: { host } });
  const healthy = async (server: Pick<TestServer, 'admin'>, host: string, revision: number) =>
    await waitUntil(
      `revision ${revision} to be healthy`,
      async () => {
        const status = await statusOf(server, host);
        return status.change?.revision === revision && status.change.times.healthy ? status : undefined;
      },
      patience,
    );

  const admitted = async (t: TestContext) => {
    const server = await startServer(t);
    const place = await agentPlace(t, address);
    place.start(server.url);
    await approve(server, place.name);
    await place.has('is admitted');
    return { server, place };
  };

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

  test('what is declared is kept without the server, by an agent that starts without it too', async (t) => {
    const { server, place } = await admitted(t);
    await apply(server, place.name, specOf('alone'));
    const first = await running('alone');
    await healthy(server, place.name, 1);
    await server.server.close();
    await place.stop();
    await (await rawEngine(address)).getContainer(first.id).kill();

    place.start(server.url);
    const again = await running('alone', first.startedAt);
    await place.has('Cannot reach the server');

    assert.equal(again.id, first.id);
  });

  test('a server that starts again has its agents back, and tells them what came meanwhile', async (t) => {
    const { server, place } = await admitted(t);
    await apply(server, place.name, specOf('back'));
    await running('back');
    await server.server.close();
    const again = { admin: await serveAgain(t, server) };

    await apply(again, place.name, specOf('back', { env: { CHANGED: 'yes' } }));
    const status = await healthy(again, place.name, 2);

    assert.equal(status.workspaces[0]?.state, 'running');
    assert.equal(status.host.link.link, 'online');
  });

  test('a workspace that is to stop without its server does, and stays so over a start of the agent, until it is back', async (t) => {
    const { server, place } = await admitted(t);
    await apply(server, place.name, specOf('away', { onDisconnect: { action: 'stop', after: '3s' } }));
    const first = await running('away');
    await healthy(server, place.name, 1);
    await server.server.close();

    await waitUntil('it to be stopped', async () => (await see('away'))?.status === 'exited', patience);
    await place.stop();
    place.start(server.url);
    await waitUntil('the agent', () => place.lines.filter((line) => line === 'The engine answers').length === 2);
    assert.equal((await see('away'))?.startedAt, first.startedAt);
    await serveAgain(t, server);

    assert.equal((await running('away', first.startedAt)).id, first.id);
  });

  test('secrets reach the container, and are in no file of the agent in clear', async (t) => {
    const { server, place } = await admitted(t);
    const value = `s-${randomUUID()}`;

    await apply(server, place.name, specOf('secret', { secrets: { TOKEN: 'env:THE_TOKEN' } }), {
      'env:THE_TOKEN': value,
    });
    const { id } = await running('secret');
    await healthy(server, place.name, 1);

    const { Config } = await (await rawEngine(address)).getContainer(id).inspect();
    const files = await Promise.all(
      (await readdir(place.stateFolder)).map((file) => readFile(join(place.stateFolder, file), 'utf8').catch(() => '')),
    );
    assert.ok(Config.Env.includes(`TOKEN=${value}`));
    assert.ok(!files.join('').includes(value) && !place.lines.join('').includes(value));
  });

  test('another value of a secret behind the same ref makes its workspace again', async (t) => {
    const { server, place } = await admitted(t);
    const spec = specOf('turn', { secrets: { TOKEN: 'env:THE_TOKEN' }, stopGrace: '0s' });
    await apply(server, place.name, spec, { 'env:THE_TOKEN': 'first' });
    const first = await running('turn');
    await healthy(server, place.name, 1);

    await apply(server, place.name, spec, { 'env:THE_TOKEN': 'second' });
    await healthy(server, place.name, 2);

    const { id } = await running('turn');
    const { Config } = await (await rawEngine(address)).getContainer(id).inspect();
    assert.notEqual(id, first.id);
    assert.ok(Config.Env.includes('TOKEN=second'));
  });

  test('a host that is disabled is left as it is, and goes on once it is enabled', async (t) => {
    const { server, place } = await admitted(t);
    await apply(server, place.name, specOf('off'));
    const { id } = await running('off');
    await healthy(server, place.name, 1);

    await server.admin.call('changeHost', { params: { host: place.name }, body: { settings: { enabled: false } } });
    await place.has('Disabled');
    await (await rawEngine(address)).getContainer(id).kill();
    await apply(server, place.name, specOf('off', { env: { NEW: '1' } }));
    await place.has('Revision 2');
    assert.notEqual((await see('off'))?.status, 'running');
    await server.admin.call('changeHost', { params: { host: place.name }, body: { settings: { enabled: true } } });

    assert.notEqual((await running('off')).id, id);
  });

  test('a host that is disabled while a container of it is being stopped has it running again', async (t) => {
    const { server, place } = await admitted(t);
    // A shell as the first process passes SIGTERM over until its child has ended.
    const job = { command: ['sh', '-c', 'sleep 1000; true'], stopGrace: '3s' };
    await apply(server, place.name, specOf('cut', job));
    const before = await running('cut');
    await healthy(server, place.name, 1);

    await apply(server, place.name, specOf('cut', { ...job, env: { NEW: '1' } }));
    // What comes next is the stop.
    await waitUntil('the new one', () => see(nextContainerName('cut')), patience);
    await server.admin.call('changeHost', { params: { host: place.name }, body: { settings: { enabled: false } } });
    await place.has('Disabled');

    const stops = () => see('cut').then((container) => container?.id !== before.id);
    await waitUntil('the end of the old one', stops, patience);
    assert.equal((await running('cut')).status, 'running');
  });

  test('a host whose key is revoked applies nothing more and leaves what runs', async (t) => {
    const { server, place } = await admitted(t);
    await apply(server, place.name, specOf('revoked'));
    const { id } = await running('revoked');
    await healthy(server, place.name, 1);

    await server.admin.call('revokeHost', { params: { host: place.name } });
    await place.has('is revoked');
    await (await rawEngine(address)).getContainer(id).rename({ name: name('elsewhere') });
    await place.stop();
    place.start(server.url);
    await place.has('its key was revoked');

    assert.equal((await see('elsewhere'))?.status, 'running');
    assert.equal(await see('revoked'), undefined);
  });

  test('new keys are made when the server asks for them, and secrets go on with them', async (t) => {
    const { server, place } = await admitted(t);
    await apply(server, place.name, specOf('rotated', { secrets: { TOKEN: 'env:REF' } }), { 'env:REF': 'one' });
    await running('rotated');
    const before = await server.admin.call('rotateHost', { params: { host: place.name } });
    const settings = { heartbeatSeconds: 1 };
    await server.admin.call('changeHost', { params: { host: place.name }, body: { settings } });

    const after = await waitUntil(
      'new keys',
      async () => {
        const { host } = await statusOf(server, place.name);
        return host.fingerprint === before.fingerprint ? undefined : host;
      },
      patience,
    );
    await apply(server, place.name, specOf('rotated', { secrets: { TOKEN: 'env:REF' } }), { 'env:REF': 'two' });
    const status = await healthy(server, place.name, 2);
    await place.stop();
    place.start(server.url);
    await waitUntil('the same host', async () => (await statusOf(server, place.name)).host.link.hasSocket, patience);

    assert.equal(after.hostId, before.hostId);
    assert.equal(status.workspaces[0]?.state, 'running');
    assert.equal((await server.admin.call('listHosts', {})).hosts.length, 1);
  });

  test('another server at the address is refused, until somebody accepts its fingerprint', async (t) => {
    const { server, place } = await admitted(t);
    await place.stop();
    const other = await startServer(t);

    place.start(other.url);
    await place.has(`--accept-server ${other.server.fingerprint}`);
    assert.deepEqual((await other.admin.call('listHosts', {})).hosts, []);
    await place.stop();
    place.start(other.url, { acceptServer: other.server.fingerprint });
    await approve(other, place.name);

    assert.equal((await server.admin.call('listHosts', {})).hosts.length, 1);
  });

  test('a join token admits at once, and is given to no other server than its own', async (t) => {
    const server = await startServer(t);
    const other = await startServer(t);
    const joinToken = await server.server.createJoinToken({ uses: 1, ttlSeconds: 60 });
    const place = await agentPlace(t, address);

    place.start(other.url, { joinToken });
    await place.has('the join token is of a server with');
    await place.stop();
    place.start(server.url, { joinToken });
    await place.has('admitted');

    assert.deepEqual((await other.admin.call('listHosts', {})).hosts, []);
    assert.equal((await statusOf(server, place.name)).host.admission, 'admitted');
  });
});

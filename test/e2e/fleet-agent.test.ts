import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { hostSpecSchema } from '../../src/contracts/host-spec.ts';
import { dockerHostEngine } from '../../src/engine/docker-host.ts';
import { parseEngineHost } from '../../src/engine/endpoint.ts';
import { startServer } from '../../src/server/suite-server.ts';
import { apply, approve, serveAgain } from '../support/agent-place.ts';
import { busyboxContext, plainBuild } from '../support/busybox-image.ts';
import { engineForTests, rawEngine } from '../support/engine.ts';
import { emptyProject, type Running } from '../support/project.ts';

const { engine: found, skip } = await engineForTests();
const address = found?.address ?? '';
const patience = { timeoutMs: 30_000 };

async function buildImage(tag: string, mark: string): Promise<void> {
  const engine = dockerHostEngine({ endpoint: parseEngineHost(address, 'test') });
  await engine.build(await busyboxContext(), { ...plainBuild, tag, labels: { 'fleet.test': mark } });
}

const says = (running: Running, text: string) =>
  waitUntil(`"${text}"`, () => running.stderr().includes(text) || running.child.exitCode !== null, patience);

test('a host is admitted, kept as declared through kills of its container, its server and its agent, and left as it is', {
  skip,
}, async (t) => {
  const mark = randomUUID().slice(0, 8);
  const image = `agora-fleet-agent-${mark}:latest`;
  const project = await emptyProject(t, { engine: address });
  const server = await startServer(t);
  const engine = dockerHostEngine({ endpoint: parseEngineHost(address, 'test') });
  const docker = await rawEngine(address);
  const name = `host-${mark}`;
  const workspace = `agora-fleet-${name}`;
  await buildImage(image, mark);
  // After the project with its agents is gone.
  t.after(async () => {
    const left = (await engine.observeContainers()).filter((one) => one.name.startsWith(workspace));
    for (const { id } of left) await engine.removeContainer(id);
    await engine.removeImage(image);
  });
  const spec = (env: Record<string, string>) =>
    hostSpecSchema.parse({
      schemaVersion: 1,
      workspaces: {
        [workspace]: { image, command: ['sleep', '1000'], env, stopGrace: 0, updateStrategy: { healthyWithin: 1 } },
      },
    });
  const look = async () => (await engine.observeContainers()).filter(({ name: other }) => other === workspace);
  const runs = (but?: string) =>
    waitUntil(
      'the workspace to run',
      async () => {
        const [container] = await look();
        return container?.status === 'running' && container.startedAt !== but ? container : undefined;
      },
      patience,
    );
  const startAgent = () => project.start('agora', ['agent', '-S', server.url, '-D', name]);

  const first = startAgent();
  await says(first, 'pending');
  await approve(server, name);
  await apply(server, name, spec({}));
  const made = await runs();
  await docker.getContainer(made.id).kill();
  const repaired = await runs(made.startedAt);

  await server.server.close();
  const admin = await serveAgain(t, server);
  await apply({ admin }, name, spec({ AFTER: 'server' }));
  await waitUntil(
    'the new one to have proved itself',
    async () => (await admin.call('getHost', { params: { host: name } })).change?.times.healthy,
    patience,
  );
  const changed = await runs();

  first.child.kill('SIGKILL');
  await first.finished;
  await docker.getContainer(changed.id).kill();
  const second = startAgent();
  const kept = await runs(changed.startedAt);
  await says(second, 'admitted');
  const { hosts } = await admin.call('listHosts', {});

  second.child.kill('SIGTERM');
  const ended = await second.finished;

  assert.deepEqual([made.id, changed.id], [repaired.id, kept.id]);
  assert.notEqual(made.id, changed.id);
  assert.deepEqual(
    hosts.map((host) => [host.name, host.admission]),
    [[name, 'admitted']],
  );
  assert.equal(ended.code, 0);
  assert.equal((await look())[0]?.status, 'running');
  assert.match(await project.read('.config/trailer.dev/config.yml'), /server_url: /);
  assert.match(await project.read('.local/state/agora-agent/logs/agent.log'), /The agent ends/);
});

test('a second agent of the same state is refused, and what is wrong with a config is told with its line', {
  skip,
}, async (t) => {
  const project = await emptyProject(t, { engine: address });
  const first = project.start('agora', ['agent', '-S', 'http://127.0.0.1:9']);
  await says(first, 'Trying again');

  const second = await project.agora(['agent', '-S', 'http://127.0.0.1:9']);
  first.child.kill('SIGTERM');
  const ended = await first.finished;
  await project.shell('printf "server_url: x\\nlog_size: 3\\n" >wrong.yml');
  const wrong = await project.agora(['agent', '-C', 'wrong.yml']);
  const unusable = await project.agora(['agent', '-S', 'ftp://server']);

  assert.deepEqual([second.code, ended.code, wrong.code, unusable.code], [3, 0, 2, 2]);
  assert.match(second.stderr, /an agent has it, process \d+/);
  assert.match(wrong.stderr, /wrong\.yml": line 2: unknown key "log_size"/);
  assert.match(unusable.stderr, /Cannot use the server address "ftp:\/\/server"/);
});

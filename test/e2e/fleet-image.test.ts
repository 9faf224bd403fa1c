import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { LocalSource } from '../../src/agent/metrics/local-source.ts';
import { waitUntil } from '../../src/base/deadline.ts';
import { prepareProgramImage } from '../../src/compute/program-image.ts';
import type { Host } from '../../src/contracts/fleet.ts';
import { agentVolume } from '../../src/contracts/fleet-names.ts';
import type { HostSample, MetricsSample } from '../../src/contracts/metrics.ts';
import { type ContainedFleet, containedFleet, hostOf, removeAgent, seedLine } from '../support/contained-fleet.ts';
import { engineForTests, packageRoot } from '../support/engine.ts';
import { privateEngineObstacle } from '../support/private-engine.ts';
import { emptyProject } from '../support/project.ts';

const skip = (await privateEngineObstacle()) ?? false;
const { engine: sharedEngine, skip: skipWithoutEngine } = await engineForTests();
const lineWithoutGpus = seedLine.replace('--gpus all ', '');

test('the images are small, and the printed line makes a host that stays the same one', {
  skip,
  timeout: 280_000,
}, async (t) => {
  const fleet = await containedFleet(t);
  const { run, agora, project } = fleet;
  for (const program of ['agent', 'server']) {
    const sizeBytes = Number(await run(`docker image inspect -f '{{.Size}}' ghcr.io/trailer-dev/${program}:latest`));
    assert.ok(sizeBytes < 200_000_000, `${program}: ${sizeBytes}`);
  }

  const first = await run(seedLine);
  const pending = await hostOf(fleet, 'a host that waits', ({ admission }) => admission === 'pending');

  assert.equal(pending.name, await run("docker info -f '{{.Name}}'"));
  assert.match(await run(`docker logs ${first} 2>&1`), new RegExp(pending.fingerprint));
  assert.match(await run(`docker exec ${first} cat /proc/1/environ`), /\0NVIDIA_VISIBLE_DEVICES=all\0/);
  const approved = await agora(`host approve ${pending.name} ${pending.fingerprint}`);
  assert.equal(approved.code, 0, approved.stderr);
  const online = await hostOf(
    fleet,
    'an engine that is up',
    ({ link }) => link.engine === 'up' && link.link === 'online',
  );
  assert.deepEqual([online.facts?.isContainer, online.facts?.engine?.name], [true, 'docker']);
  await hostOf(fleet, 'metrics of the host itself', ({ facts }) => facts?.metricsFrom === 'helper');

  await t.test('its figures are those of the host', () => measuresTheHost(fleet, online));
  await t.test('an image is built there, followed and told', () => buildsThere(fleet, online));
  await t.test('what runs there is reached over a session', () => isReached(fleet, online));

  for (const line of [seedLine, lineWithoutGpus]) {
    const workspace = await run("docker inspect -f '{{.Id}} {{.State.StartedAt}}' web");
    const before = (await fleet.hosts())[0]?.link.agentStartedAt;
    await removeAgent(fleet);
    await run(line);
    const isAgain = ({ link }: Host) => link.agentStartedAt !== before && link.link === 'online';
    const again = await hostOf(fleet, 'the host again', isAgain);

    assert.deepEqual([again.hostId, again.admission], [online.hostId, 'admitted']);
    assert.equal((await fleet.hosts()).length, 1);
    assert.equal(await run("docker inspect -f '{{.Id}} {{.State.StartedAt}}' web"), workspace);
  }
  assert.match(await run('docker volume ls -q'), new RegExp(`^${agentVolume}$`, 'm'));
  await project.close();
});

async function measuresTheHost({ agora }: ContainedFleet, { name }: Host): Promise<void> {
  const own = new LocalSource({ root: '' });
  const look = async () => {
    const { host } = await own.read({ host: true, containers: [] });
    assert.ok(host);
    return host;
  };
  const before = await look();
  const sample = await waitUntil(
    'a sample taken meanwhile',
    async () => {
      const { code, stdout, stderr } = await agora(`host stats ${name} --json`);
      assert.equal(code, 0, stderr);
      const { host } = (JSON.parse(stdout) as { latest?: MetricsSample }).latest ?? {}; // As `host stats` prints it.
      return host?.cpu !== undefined && host.uptimeSeconds > before.uptimeSeconds ? host : undefined;
    },
    { timeoutMs: 60_000, intervalMs: 500 },
  );
  const after = await look();

  const lasting = (disks: HostSample['disks']) =>
    disks.flatMap(({ path, totalBytes }) => (path.startsWith('/tmp') ? [] : [[path, totalBytes]]));
  assert.ok(sample.uptimeSeconds <= after.uptimeSeconds);
  assert.equal(sample.cpus?.length, after.cpus.length);
  assert.equal(sample.memory.totalBytes, after.memory.totalBytes);
  assert.equal(sample.swap.totalBytes, after.swap.totalBytes);
  assert.deepEqual(lasting(sample.disks), lasting([...after.disks]));
  assert.ok(Math.abs(sample.memory.availableBytes - after.memory.availableBytes) < 2 * 1024 ** 3);
  assert.ok(Math.abs(sample.processes - after.processes) < 100);
  assert.ok(Math.abs(sample.load[2] - after.load[2]) < 2);
  assert.deepEqual(
    [sample.io, sample.network, sample.pressure].map((part) => part !== undefined),
    [after.io, after.network, after.pressure].map((part) => part !== undefined),
  );
}

/** Its loopback alone has the port. */
const webProgram = `
require('node:http').createServer((request, response) => response.end('a page')).listen(8000, '127.0.0.1');
console.log('it listens');`;

async function isReached({ project, place }: ContainedFleet, { name }: Host): Promise<void> {
  const inside = `AGORA_SERVER=http://172.17.0.1:8090 AGORA_TOKEN=$(cat token) nsenter --net=/run/netns/${place.namespace}`;
  const shell = (words: string) => project.shell(`${inside} ${words}`);

  const exec = await shell(`agora host exec ${name}/web -- node -e "console.log(6 * 7); process.exit(3)"`);
  const logs = await shell(`agora host logs ${name}/web`);
  const own = await shell(`agora host logs ${name} --tail 1000`);
  const page = await shell(`sh -c 'agora host proxy ${name}/web 8000:8001 & \
    for i in $(seq 50); do node -e "fetch(\\"http://127.0.0.1:8001\\").then((page) => page.text()).then(console.log)" && break; sleep 0.2; done; \
    kill $!' 2>/dev/null`);

  assert.deepEqual([exec.code, exec.stdout], [3, '42\n'], exec.stderr);
  assert.equal(logs.stdout, 'it listens\n', logs.stderr);
  assert.match(own.stdout, /^Registered as /m, own.stderr);
  assert.match(page.stdout, /^a page$/m, page.stderr);
}

async function buildsThere(fleet: ContainedFleet, { name }: Host): Promise<void> {
  const { project, agora, run } = fleet;
  await mkdir(join(project.folder, 'web'));
  await writeFile(
    join(project.folder, 'web', 'Dockerfile'),
    'FROM ghcr.io/trailer-dev/agent:latest\nRUN node -e "console.log(6 * 7)"\nCOPY main.js /main.js\nENTRYPOINT ["node", "/main.js"]\n',
  );
  await writeFile(join(project.folder, 'web', 'main.js'), webProgram);
  await writeFile(
    join(project.folder, 'spec.yaml'),
    'schemaVersion: 1\nimages:\n  web:\n    build: {context: web}\nworkspaces:\n  web: {image: web, stopGrace: 0}\n',
  );

  const applied = await agora(`host apply ${name} -f spec.yaml --wait`);
  assert.equal(applied.code, 0, applied.stderr);
  const log = await agora(`host build log ${name} web -f`);
  const listed = await agora(`host build ls ${name}`);

  assert.equal(log.code, 0, log.stderr);
  assert.match(log.stdout, /^Step 2\/\d+ : RUN node .*^42$/ms);
  assert.match(listed.stdout, /^b-[a-z2-7]{26}\tweb\tsucceeded\t.*\tsha256:[0-9a-f]{64}\n$/);
  assert.equal(await run("docker inspect -f '{{.State.Status}}' web"), 'running');
}

test('where there is no GPU the engine refuses the printed line', { skip: skipWithoutEngine }, async (t) => {
  assert.ok(sharedEngine);
  await prepareProgramImage(sharedEngine, 'agent', { packageRoot });
  const project = await emptyProject(t, { engine: sharedEngine.address });

  const refused = await project.shell('docker run --rm --gpus all ghcr.io/trailer-dev/agent:latest --help');
  const plain = await project.shell('docker run --rm ghcr.io/trailer-dev/agent:latest --help');

  assert.match(refused.stderr, /could not select device driver "" with capabilities: \[\[gpu\]\]/);
  assert.match(plain.stdout, /^Usage: agora agent /);
});

// `agora server --with-agent` is one as well.
test('each image that an agent can run in has what it starts in containers of its own', {
  skip: skipWithoutEngine,
}, async (t) => {
  assert.ok(sharedEngine);
  const project = await emptyProject(t, { engine: sharedEngine.address });

  for (const program of ['agent', 'server'] as const) {
    const { imageId } = await prepareProgramImage(sharedEngine, program, { packageRoot });
    const { stdout } = await project.shell(`docker run --rm --entrypoint ls ${imageId} /usr/local/lib/agora/dist/cli`);

    const beside = ['helper-main.cjs', 'port-relay-main.cjs', 'signal-main.cjs'];
    assert.deepEqual(stdout.trim().split('\n'), [`${program}.cjs`, ...beside].sort());
  }
});

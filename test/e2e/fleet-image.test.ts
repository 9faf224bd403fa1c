import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { type FleetProgram, prepareFleetImage } from '../../src/compute/program-image.ts';
import type { Host } from '../../src/contracts/fleet.ts';
import { agentVolume } from '../../src/contracts/fleet-names.ts';
import { engineForTests, packageRoot } from '../support/engine.ts';
import { type PrivateEngine, privateEngineObstacle, startPrivateEngine } from '../support/private-engine.ts';
import { emptyProject, type Finished, type Project } from '../support/project.ts';

const skip = (await privateEngineObstacle()) ?? false;
const { engine: sharedEngine, skip: skipWithoutEngine } = await engineForTests();
const patience = { timeoutMs: 60_000, intervalMs: 200 };

/** As it is printed, to the letter. */
const seedLine =
  'docker run -d -v /var/run/docker.sock:/var/run/docker.sock --gpus all ghcr.io/trailer-dev/agent:latest -S http://server-host:8090';
const lineWithoutGpus = seedLine.replace('--gpus all ', '');

/** Answers that `server-host` is the host of the engine. */
const nameServer = `
const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (query, { port, address }) => {
  const end = query.indexOf(0, 12) + 5;
  const isAddress = query.readUInt16BE(end - 4) === 1 && query.includes('server-host');
  const head = Buffer.from([query[0], query[1], 0x81, 0x80, 0, 1, 0, isAddress ? 1 : 0, 0, 0, 0, 0]);
  const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 172, 17, 0, 1]);
  socket.send(Buffer.concat([head, query.subarray(12, end), ...(isAddress ? [answer] : [])]), port, address);
});
socket.bind(53, '172.17.0.1');`;

interface Fleet {
  readonly project: Project;
  readonly place: PrivateEngine;
  run(script: string): Promise<string>;
  /** Asks the server from the network of its host. */
  agora(words: string): Promise<Finished>;
  hosts(): Promise<Host[]>;
}

/** A machine with an NVIDIA hook, both images and a server in a container, as a person would start it. */
async function aFleet(t: TestContext): Promise<Fleet> {
  const programs = await mkdtemp(join(tmpdir(), 'agora-hook-'));
  t.after(() => rm(programs, { recursive: true, force: true }));
  await writeFile(join(programs, 'nvidia-container-runtime-hook'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
  const place = await startPrivateEngine({ programs, hasDefaultSocket: true, words: ['--dns', '172.17.0.1'] });
  t.after(() => place.close());
  for (const program of ['agent', 'server'] satisfies FleetProgram[]) {
    const image = await prepareFleetImage(place.engine, program, { packageRoot, signal: t.signal });
    assert.equal(image.how, 'built');
  }
  const project = await emptyProject(t, { engine: place.host });
  const run = async (script: string) => {
    const { code, stdout, stderr } = await project.shell(script);
    assert.equal(code, 0, `${script}\n${stderr}`);
    return stdout.trim();
  };
  await writeFile(join(project.folder, 'names.js'), nameServer);
  await run('docker run -d --network host --entrypoint node ghcr.io/trailer-dev/agent:latest -e "$(cat names.js)"');
  await run('docker run -d --name server -p 8090:8090 -v agora-server:/data ghcr.io/trailer-dev/server:latest');
  await waitUntil('the token', async () => (await run('docker logs server 2>/dev/null')) !== '', patience);
  await run('docker logs server 2>/dev/null >token');
  const inside = `nsenter --net=/run/netns/${place.namespace}`;
  const agora = (words: string) =>
    project.shell(`${inside} agora ${words} --server http://172.17.0.1:8090 --token-file token`);
  const hosts = async () => {
    const { code, stdout, stderr } = await agora('host ls --json');
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as Host[]; // As `host ls` prints them.
  };
  return { project, place, run, agora, hosts };
}

async function host(fleet: Fleet, what: string, isSo: (host: Host) => boolean): Promise<Host> {
  return await waitUntil(what, async () => (await fleet.hosts()).find(isSo), patience);
}

test('the images are small, and the printed line makes a host that stays the same one', {
  skip,
  timeout: 280_000,
}, async (t) => {
  const fleet = await aFleet(t);
  const { run, agora, project } = fleet;
  for (const program of ['agent', 'server']) {
    const sizeBytes = Number(await run(`docker image inspect -f '{{.Size}}' ghcr.io/trailer-dev/${program}:latest`));
    assert.ok(sizeBytes < 200_000_000, `${program}: ${sizeBytes}`);
  }

  const first = await run(seedLine);
  const pending = await host(fleet, 'a host that waits', ({ admission }) => admission === 'pending');

  assert.equal(pending.name, await run("docker info -f '{{.Name}}'"));
  assert.match(await run(`docker logs ${first} 2>&1`), new RegExp(pending.fingerprint));
  assert.match(await run(`docker exec ${first} cat /proc/1/environ`), /\0NVIDIA_VISIBLE_DEVICES=all\0/);
  const approved = await agora(`host approve ${pending.name} ${pending.fingerprint}`);
  assert.equal(approved.code, 0, approved.stderr);
  const online = await host(
    fleet,
    'an engine that is up',
    ({ link }) => link.engine === 'up' && link.link === 'online',
  );
  assert.deepEqual([online.facts?.isContainer, online.facts?.engine?.name], [true, 'docker']);

  await t.test('an image is built there, followed and told', () => buildsThere(fleet, online));

  for (const line of [seedLine, lineWithoutGpus]) {
    const workspace = await run("docker inspect -f '{{.Id}} {{.State.StartedAt}}' web");
    const before = (await fleet.hosts())[0]?.link.agentStartedAt;
    await run(
      `docker rm -f $(docker ps -q --filter ancestor=ghcr.io/trailer-dev/agent:latest --filter volume=/var/run/docker.sock)`,
    );
    await run(line);
    const isAgain = ({ link }: Host) => link.agentStartedAt !== before && link.link === 'online';
    const again = await host(fleet, 'the host again', isAgain);

    assert.deepEqual([again.hostId, again.admission], [online.hostId, 'admitted']);
    assert.equal((await fleet.hosts()).length, 1);
    assert.equal(await run("docker inspect -f '{{.Id}} {{.State.StartedAt}}' web"), workspace);
  }
  assert.match(await run('docker volume ls -q'), new RegExp(`^${agentVolume}$`, 'm'));
  await project.close();
});

async function buildsThere(fleet: Fleet, { name }: Host): Promise<void> {
  const { project, agora, run } = fleet;
  await mkdir(join(project.folder, 'web'));
  await writeFile(
    join(project.folder, 'web', 'Dockerfile'),
    'FROM ghcr.io/trailer-dev/agent:latest\nRUN node -e "console.log(6 * 7)"\nENTRYPOINT ["node", "-e", "setInterval(() => {}, 1000)"]\n',
  );
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
  await prepareFleetImage(sharedEngine, 'agent', { packageRoot });
  const project = await emptyProject(t, { engine: sharedEngine.address });

  const refused = await project.shell('docker run --rm --gpus all ghcr.io/trailer-dev/agent:latest --help');
  const plain = await project.shell('docker run --rm ghcr.io/trailer-dev/agent:latest --help');

  assert.match(refused.stderr, /could not select device driver "" with capabilities: \[\[gpu\]\]/);
  assert.match(plain.stdout, /^Usage: agora agent /);
});

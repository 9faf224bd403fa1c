import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { type ImageProgram, prepareProgramImage } from '../../src/compute/program-image.ts';
import type { Host } from '../../src/contracts/fleet.ts';
import { packageRoot } from './engine.ts';
import { type PrivateEngine, startPrivateEngine } from './private-engine.ts';
import { emptyProject, type Finished, type Project } from './project.ts';

const patience = { timeoutMs: 60_000, intervalMs: 200 };

/** As it is printed, to the letter. */
export const seedLine =
  'docker run -d -v /var/run/docker.sock:/var/run/docker.sock --gpus all ghcr.io/trailer-dev/agent:latest -S http://server-host:8090';

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

export interface ContainedFleet {
  readonly project: Project;
  readonly place: PrivateEngine;
  run(script: string): Promise<string>;
  /** Asks the server from the network of its host. */
  agora(words: string): Promise<Finished>;
  hosts(): Promise<Host[]>;
}

/** A machine with an NVIDIA hook, both images and a server in a container, as a person would start it. */
export async function containedFleet(t: TestContext): Promise<ContainedFleet> {
  const programs = await mkdtemp(join(tmpdir(), 'agora-hook-'));
  t.after(() => rm(programs, { recursive: true, force: true }));
  await writeFile(join(programs, 'nvidia-container-runtime-hook'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
  const place = await startPrivateEngine({ programs, hasDefaultSocket: true, words: ['--dns', '172.17.0.1'] });
  t.after(() => place.close());
  for (const program of ['agent', 'server'] satisfies ImageProgram[]) {
    const image = await prepareProgramImage(place.engine, program, { packageRoot, signal: t.signal });
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
  await waitUntil(
    'the token, or the end of the server',
    () => run('docker logs server 2>/dev/null; docker ps -aq --filter status=exited'),
    patience,
  );
  assert.equal(
    await run("docker inspect -f '{{.State.Status}}' server"),
    'running',
    await run('docker logs server 2>&1'),
  );
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

export async function hostOf(fleet: ContainedFleet, what: string, isSo: (host: Host) => boolean): Promise<Host> {
  return await waitUntil(what, async () => (await fleet.hosts()).find(isSo), patience);
}

/** Runs the printed line, and admits the host that then waits. */
export async function admitted(fleet: ContainedFleet): Promise<Host> {
  await fleet.run(seedLine);
  const { name, fingerprint } = await hostOf(fleet, 'a host that waits', ({ admission }) => admission === 'pending');
  const { code, stderr } = await fleet.agora(`host approve ${name} ${fingerprint}`);
  assert.equal(code, 0, stderr);
  return await hostOf(fleet, 'an engine that is up', ({ link }) => link.engine === 'up' && link.link === 'online');
}

/** As after `docker rm -f` of the agent's container. */
export async function removeAgent({ run }: ContainedFleet): Promise<void> {
  const filters = '--filter ancestor=ghcr.io/trailer-dev/agent:latest --filter volume=/var/run/docker.sock';
  await run(`docker rm -f $(docker ps -q ${filters})`);
}

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { startScript } from '../support/dispatches.ts';
import { engineForTests, rawEngine } from '../support/engine.ts';
import { forbiddenSockets } from '../support/isolation-calls.ts';
import { callProgram } from '../support/isolation-syscall.ts';
import { attackWith, foundBy, programOf } from '../support/isolation-worker.ts';
import type { Project } from '../support/project.ts';
import { type ProviderPlace, printed, providerPlaces } from '../support/provider-place.ts';
import { shellProject } from '../support/shell-project.ts';

const metadata = ['169.254.169.254:80', '[fd00:ec2::254]:80', '100.100.100.200:80', '168.63.129.16:80'];
const elsewhere = ['1.1.1.1:53', '192.0.2.1:80', '[2606:4700:4700::1111]:53'];
const workerPort = 18_734;
const listening = `exec node -e "require('net').createServer().listen(${workerPort}, '0.0.0.0', () =>
  require('net').createServer().listen('\\0agora-worker', () => console.log('listening')))"`;
const nothing = { reached: [], names: [], interfaces: [], sockets: [] };
/** What stands in the way of these is the engine's own filter, which older ones do not have. */
const asTheEngineHas = new Set(['socket to the hypervisor', 'ring that passes by filters']);

for (const place of await providerPlaces()) {
  test(`on ${place.name} a worker without a network reaches no name, no address, not the host, and no other worker`, {
    skip: place.skip,
  }, async (t) => {
    const project = await shellProject(t, place.compute);
    const host = await aHostThatListens(t);
    const stop = await aWorkerThatListens(project, place);
    const wish = {
      connect: [...host.addresses, `127.0.0.1:${workerPort}`, `[::1]:${workerPort}`, ...metadata, ...elsewhere],
      abstract: [host.abstract, '\0agora-worker'],
      names: ['localhost.localdomain.test', 'example.com', 'host.docker.internal', 'metadata.google.internal'],
      datagrams: host.datagrams,
      programs: forbiddenSockets
        .filter(({ name }) => place.name === 'process' || !asTheEngineHas.has(name))
        .map((call) => ({ name: call.name, program: callProgram(call).toString('base64') })),
    };

    const found = await foundBy(project, await attackWith(project, programOf(reachOut, wish)));

    assert.deepEqual(found, nothing);
    assert.equal(host.visitors(), 0);
    await stop();
  });
}

const { engine, skip } = await engineForTests();

test('with internet a container reaches neither the host’s loopback nor another worker', { skip }, async (t) => {
  assert.ok(engine);
  const place = (await providerPlaces()).find(({ name }) => name === 'docker') ?? assert.fail('no engine');
  const project = await shellProject(t, place.compute);
  const host = await aHostThatListens(t);
  const other = await startScript(project, listening, ['--network', 'internet']);
  await printed(place, project, other.dispatchId, 'listening');
  const containerId = (await place.workerOf(project, other.dispatchId)) ?? assert.fail('it runs no more');
  const { NetworkSettings } = await (await rawEngine(engine.address)).getContainer(containerId).inspect();
  const theirs = Object.values(NetworkSettings.Networks).map((network) => `${network?.IPAddress}:${workerPort}`);
  const wish = {
    connect: [...host.loopback, ...theirs, `127.0.0.1:${workerPort}`],
    abstract: [host.abstract, '\0agora-worker'],
    // The engine tells the names of those on a network; threat-model.md says so.
    names: [],
    datagrams: [],
    programs: [],
  };

  const attack = await attackWith(project, programOf(reachOut, wish), ['--network', 'internet']);

  const found = (await foundBy(project, attack)) as typeof nothing;
  assert.deepEqual({ ...found, interfaces: [] }, nothing);
  assert.equal(found.interfaces.length, 1, 'it has a network of its own');
  assert.equal(host.visitors(), 0);
  assert.equal((await project.agora(['dispatch', 'cancel', other.dispatchId])).code, 0);
});

interface ReachWish {
  readonly connect: readonly string[];
  readonly abstract: readonly string[];
  readonly names: readonly string[];
  readonly datagrams: readonly string[];
  readonly programs: readonly { readonly name: string; readonly program: string }[];
}

/** Inside the worker: what of all this answers. */
function reachOut(wish: ReachWish): void {
  const fs = process.getBuiltinModule('node:fs');
  const net = process.getBuiltinModule('node:net');
  const os = process.getBuiltinModule('node:os');
  const dns = process.getBuiltinModule('node:dns').promises;
  const { createSocket: socketOf } = process.getBuiltinModule('node:dgram');
  const { spawnSync } = process.getBuiltinModule('node:child_process');
  const split = (address: string) => {
    const at = address.lastIndexOf(':');
    return { host: address.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(address.slice(at + 1)) };
  };
  const connects = (address: string, where: { host: string; port: number } | { path: string }) =>
    new Promise<string[]>((resolve) => {
      const socket = net.connect(where);
      socket.setTimeout(3_000, () => socket.destroy(new Error('timeout')));
      socket.on('connect', () => resolve([address])).on('error', () => resolve([]));
    });
  const resolves = (name: string) =>
    dns.lookup(name).then(
      () => [name],
      () => [],
    );
  for (const address of wish.datagrams) {
    const socket = socketOf('udp4').on('error', () => undefined);
    const { host, port } = split(address);
    socket.send('x', port, host, () => undefined);
  }
  const sockets = wish.programs.flatMap(({ name, program }) => {
    fs.writeFileSync('call', Buffer.from(program, 'base64'), { mode: 0o755 });
    return spawnSync('./call').status === 0 ? [name] : [];
  });
  const reached = [
    ...wish.connect.map((address) => connects(address, split(address))),
    ...wish.abstract.map((path) => connects(path, { path })),
  ];
  void Promise.all([Promise.all(reached), Promise.all(wish.names.map(resolves))]).then(([all, names]) => {
    const interfaces = Object.keys(os.networkInterfaces()).filter((name) => name !== 'lo');
    const found = { reached: all.flat(), names: names.flat(), interfaces, sockets };
    fs.writeFileSync(`${process.env['AGORA_OUTPUT_DIR']}/found.json`, JSON.stringify(found));
    process.exit(0);
  });
}

/** A worker that listens wherever another may look; gives what ends it. */
async function aWorkerThatListens(project: Project, place: ProviderPlace): Promise<() => Promise<void>> {
  const { dispatchId } = await startScript(project, listening);
  await printed(place, project, dispatchId, 'listening');
  return async () => {
    const { code, stderr } = await project.agora(['dispatch', 'cancel', dispatchId]);
    assert.equal(code, 0, stderr);
  };
}

interface ListeningHost {
  readonly addresses: readonly string[];
  readonly loopback: readonly string[];
  readonly abstract: string;
  readonly datagrams: readonly string[];
  /** How often somebody came, in whatever way. */
  visitors(): number;
}

/** Servers of this machine on every address it has. */
async function aHostThatListens(t: TestContext): Promise<ListeningHost> {
  let visitors = 0;
  const count = () => {
    visitors += 1;
  };
  const abstract = `\0agora-host-${process.pid}-${Math.random()}`;
  const everywhere = createServer(count).listen(0, '0.0.0.0');
  const local = createServer(count).listen(0, '127.0.0.1');
  const unnamed = createServer(count).listen(abstract);
  const datagrams = createSocket('udp4', count).bind(0, '0.0.0.0');
  const servers = [everywhere, local, unnamed];
  t.after(() => {
    datagrams.close();
    for (const server of servers) server.close();
  });
  await Promise.all([
    waitUntil('the servers', () => servers.every((server) => server.listening)),
    once(datagrams, 'listening'),
  ]);
  const own = Object.values(networkInterfaces()).flatMap((addresses = []) =>
    addresses.filter(({ family }) => family === 'IPv4').map(({ address }) => address),
  );
  return {
    addresses: [...own.map((address) => `${address}:${portOf(everywhere)}`), `127.0.0.1:${portOf(local)}`],
    loopback: [`127.0.0.1:${portOf(local)}`, `127.0.0.1:${portOf(everywhere)}`],
    abstract,
    datagrams: own.map((address) => `${address}:${datagrams.address().port}`),
    visitors: () => visitors,
  };
}

function portOf(server: Server): number {
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

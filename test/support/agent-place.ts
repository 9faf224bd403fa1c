import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Agent } from '../../src/agent/agent.ts';
import type { AgentOptions } from '../../src/agent/agent-options.ts';
import { StateFolder } from '../../src/agent/state-folder.ts';
import { waitUntil } from '../../src/base/deadline.ts';
import { hostLabels } from '../../src/contracts/fleet-names.ts';
import type { HostSpec } from '../../src/contracts/host-spec.ts';
import { dockerHostEngine } from '../../src/engine/docker-host.ts';
import { dockerHostSessions } from '../../src/engine/docker-host-sessions.ts';
import { parseEngineHost } from '../../src/engine/endpoint.ts';
import type { HostEngine } from '../../src/engine/host-engine.ts';
import type { HostSessions } from '../../src/engine/host-sessions.ts';
import { FleetServer } from '../../src/server/server.ts';
import type { TestServer } from '../../src/server/suite-server.ts';

/** An agent in this process, with a state of its own. */
export class AgentPlace {
  readonly name: string;
  readonly stateFolder: string;
  readonly engine: HostEngine;
  readonly sessions: HostSessions;
  readonly lines: string[] = [];
  #running: { readonly stop: AbortController; readonly ended: Promise<void> } | undefined;

  constructor(name: string, stateFolder: string, address: string) {
    const endpoint = parseEngineHost(address, 'test');
    this.name = name;
    this.stateFolder = stateFolder;
    this.engine = dockerHostEngine({ endpoint });
    this.sessions = dockerHostSessions({ endpoint });
  }

  start(serverUrl: string, options: Partial<AgentOptions> = {}): void {
    const agent = new Agent({
      serverUrl,
      name: this.name,
      engine: this.engine,
      sessions: this.sessions,
      state: new StateFolder(this.stateFolder),
      version: '0.0.0',
      buildFolder: join(this.stateFolder, 'builds'),
      log: (line) => {
        this.lines.push(line);
      },
      ...options,
    });
    const stop = new AbortController();
    this.#running = { stop, ended: agent.run(stop.signal) };
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    running?.stop.abort();
    await running?.ended;
  }

  async has(line: string): Promise<void> {
    await waitUntil(`the line "${line}"`, () => this.lines.some((one) => one.includes(line)));
  }
}

/** With everything that it made gone after the test. Its state is in a folder of its own unless one is given. */
export async function agentPlace(t: TestContext, address: string, givenFolder?: string): Promise<AgentPlace> {
  const stateFolder = givenFolder ?? (await mkdtemp(join(tmpdir(), 'agora-agent-')));
  const name = `box-${stateFolder.slice(-6)}`;
  const place = new AgentPlace(name, stateFolder, address);
  const { engine } = place;
  t.after(async () => {
    try {
      await place.stop();
    } finally {
      await removeOwned(engine, stateFolder).finally(() => rm(stateFolder, { recursive: true, force: true }));
    }
  });
  return place;
}

/** The same data at the same address again, as after a restart. */
export async function serveAgain(
  t: TestContext,
  { folder, url, as, adminToken }: TestServer,
): Promise<TestServer['admin']> {
  const server = new FleetServer({ dataFolder: folder, version: '0.0.0', log: (line) => t.diagnostic(line) });
  t.after(() => server.close());
  await server.listen({ host: '127.0.0.1', port: Number(new URL(url).port) });
  return as(adminToken);
}

/** Admits it and gives its id. */
export async function approve(server: Pick<TestServer, 'admin'>, name: string): Promise<string> {
  const host = await waitUntil('the host', async () =>
    (await server.admin.call('listHosts', {})).hosts.find((one) => one.name === name),
  );
  await server.admin.call('approveHost', { params: { host: name }, body: { fingerprint: host.fingerprint } });
  return host.hostId;
}

export async function apply(
  server: Pick<TestServer, 'admin'>,
  host: string,
  spec: HostSpec,
  secrets: Readonly<Record<string, string>> = {},
) {
  return await server.admin.call('applySpec', { params: { host }, body: { spec, secrets: { ...secrets } } });
}

/** What it owns by its host id, which its state tells. */
async function removeOwned(engine: HostEngine, stateFolder: string): Promise<void> {
  const host = await new StateFolder(stateFolder).read('host.json');
  const hostId = /"hostId":"(h-[a-z2-7]{26})"/.exec(host ?? '')?.[1];
  if (hostId === undefined) return;
  const isOwn = ({ labels }: { readonly labels: Readonly<Record<string, string>> }) =>
    labels[hostLabels.host] === hostId;
  for (const { id } of (await engine.observeContainers()).filter(isOwn)) {
    await engine.stopContainer(id, 0);
    await engine.removeContainer(id);
  }
  for (const { id } of (await engine.observeNetworks()).filter(isOwn)) await engine.removeNetwork(id);
  for (const { name } of (await engine.observeVolumes()).filter(isOwn)) await engine.removeVolume(name);
}

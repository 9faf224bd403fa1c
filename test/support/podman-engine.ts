import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { waitUntil } from '../../src/base/deadline.ts';
import { environmentNames } from '../../src/contracts/names.ts';
import { dockerHostEngine } from '../../src/engine/docker-host.ts';
import type { EngineEndpoint } from '../../src/engine/endpoint.ts';
import type { HostEngine } from '../../src/engine/host-engine.ts';
import { leftToNpmTest } from './quick-tests.ts';

const run = promisify(execFile);

/** Podman behind a socket of a test's own: its own storage, its own network namespace, nothing left after `close`. */
export interface PodmanEngine {
  readonly engine: HostEngine;
  readonly endpoint: EngineEndpoint;
  close(): Promise<void>;
}

/** Why Podman cannot be started here, said on stderr as well; false when it can. Where engines are required it must. */
export async function podmanObstacle(): Promise<string | false> {
  if (leftToNpmTest) return leftToNpmTest;
  const missing = await missingProgram();
  const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
  const obstacle = isRoot ? missing && `Podman's tests need "${missing}"` : "Podman's tests need root on Linux";
  if (obstacle === undefined) return false;
  if (process.env[environmentNames.requireEngine] === '1') throw new Error(`Podman is required: ${obstacle}`);
  process.stderr.write(`NO PODMAN: ${obstacle}: its tests are skipped\n`);
  return obstacle;
}

async function missingProgram(): Promise<string | undefined> {
  for (const program of ['podman', 'runc', 'conmon', 'ip', 'nsenter', 'unshare']) {
    const isThere = await run('which', [program]).then(
      () => true,
      () => false,
    );
    if (!isThere) return program;
  }
  return undefined;
}

export async function startPodmanEngine(): Promise<PodmanEngine> {
  // Short: a unix socket's path has 107 bytes at most.
  const folder = await mkdtemp(join(tmpdir(), 'agora-podman-'));
  const namespace = `agora-${randomBytes(4).toString('hex')}`;
  const socket = join(folder, 'podman.sock');
  const endpoint: EngineEndpoint = { kind: 'unix', path: socket, source: 'test' };
  const engine = dockerHostEngine({ endpoint });
  const environment = { ...process.env, ...(await writeConfiguration(folder)) };
  await run('ip', ['netns', 'add', namespace]);
  await run('ip', ['-n', namespace, 'link', 'set', 'lo', 'up']);
  const log = openSync(join(folder, 'log'), 'a');
  const program = [...options(folder), 'system', 'service', '--time', '0', `unix://${socket}`];
  const inside = ['unshare', '--mount', 'sh', '-c', ownPlaces, 'podman', ...program];
  const service = spawn('nsenter', [`--net=/run/netns/${namespace}`, ...inside], {
    // Its conmon leaves a file where it runs when a container lacked memory.
    cwd: folder,
    env: environment,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const isOver = () => service.exitCode !== null || service.signalCode !== null;
  const isUp = () =>
    engine.ping().then(
      () => true,
      () => false,
    );
  const removeContainers = async () => {
    if (isOver() || !(await isUp())) return;
    for (const { id } of await engine.observeContainers()) await engine.removeContainer(id);
  };
  const close = async () => {
    try {
      await removeContainers();
    } finally {
      service.kill('SIGTERM');
      await waitUntil('the end of Podman', isOver);
      await run('ip', ['netns', 'delete', namespace]);
      await rm(folder, { recursive: true, force: true });
    }
  };
  try {
    await waitUntil('Podman', () => isOver() || isUp(), { timeoutMs: 30_000, intervalMs: 50 });
    await engine.ping();
  } catch (error) {
    const said = await readFile(join(folder, 'log'), 'utf8').catch(() => '');
    await close();
    throw new Error(`Podman did not start:\n${said.slice(-2_000)}`, { cause: error });
  }
  return { engine, endpoint, close };
}

/** Its mounts and what its network plugins write end with it. */
const ownPlaces = 'mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/lib && exec podman "$@"';

function options(folder: string): string[] {
  const places = ['--root', join(folder, 'data'), '--runroot', join(folder, 'run'), '--tmpdir', join(folder, 'tmp')];
  const ways = ['--cgroup-manager', 'cgroupfs', '--events-backend', 'file', '--runtime', join(folder, 'runc')];
  return [...places, '--network-config-dir', join(folder, 'networks'), ...ways];
}

/** The limits on processes that Podman gives each container are above what one without CAP_SYS_RESOURCE may set. */
const runtime = `#!/bin/sh
bundle=.
previous=
for argument; do
  [ "$previous" = --bundle ] && bundle=$argument
  previous=$argument
done
[ -f "$bundle/config.json" ] && sed -i 's/"rlimits":\\[[^]]*\\],\\?//' "$bundle/config.json"
exec runc "$@"
`;

const registries = `[[registry]]
location = "127.0.0.1"
insecure = true
`;

const storage = (folder: string) => `[storage]
driver = "overlay"
runroot = "${folder}/run"
graphroot = "${folder}/data"
`;

/** Podman's own are above what a machine may let us set, and then it cannot run a command in a container. */
const limits = '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n';

async function writeConfiguration(folder: string): Promise<Record<string, string>> {
  const path = (name: string) => join(folder, name);
  await writeFile(path('runc'), runtime, { mode: 0o755 });
  await writeFile(path('containers.conf'), limits);
  await writeFile(path('registries.conf'), registries);
  await writeFile(path('storage.conf'), storage(folder));
  return {
    CONTAINERS_CONF: path('containers.conf'),
    CONTAINERS_REGISTRIES_CONF: path('registries.conf'),
    CONTAINERS_STORAGE_CONF: path('storage.conf'),
  };
}

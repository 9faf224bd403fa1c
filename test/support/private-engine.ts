import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { openSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { waitUntil } from '../../src/base/deadline.ts';
import { dockerEngine } from '../../src/engine/docker.ts';
import type { EngineEndpoint } from '../../src/engine/endpoint.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { leftToNpmTest } from './quick-tests.ts';

const run = promisify(execFile);

/** A Docker engine of a test's own: its own folder, its own network namespace, nothing left after `close`. */
export interface PrivateEngine {
  readonly endpoint: EngineEndpoint;
  readonly engine: Engine;
  /** `DOCKER_HOST` for programs the test starts. */
  readonly host: string;
  /** Where its data are. */
  readonly dataFolder: string;
  /** Its network namespace, as `ip netns` names it. */
  readonly namespace: string;
  start(): Promise<void>;
  /** SIGTERM and SIGKILL as an operator or a crash would; resolves once it is gone. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** From now on it answers nobody, and its connections hold. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  close(): Promise<void>;
}

/** Why no private engine can be started here; undefined when one can. */
export async function privateEngineObstacle(): Promise<string | undefined> {
  if (leftToNpmTest) return leftToNpmTest;
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'a private engine needs root on Linux';
  for (const program of ['dockerd', 'ip', 'nsenter']) {
    const isThere = await run('which', [program]).then(
      () => true,
      () => false,
    );
    if (!isThere) return `a private engine needs "${program}"`;
  }
  return undefined;
}

export interface PrivateEngineOptions {
  /** A folder of programs that it finds before those of the machine. */
  readonly programs?: string;
  /** What it mounts from /var/run/docker.sock is its own socket. */
  readonly hasDefaultSocket?: boolean;
  /** Further words of its command line. */
  readonly words?: readonly string[];
  /** Its data are on a disk of their own, in memory, of so many bytes. Default: where its folder is. */
  readonly diskBytes?: number;
}

/** In a /run of its own, which nobody else sees. */
const ownRun = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs tmpfs /run && exec "$@"', 'sh'];

export async function startPrivateEngine({
  programs,
  hasDefaultSocket = false,
  words = [],
  diskBytes,
}: PrivateEngineOptions = {}): Promise<PrivateEngine> {
  // Short: a unix socket's path has 107 bytes at most.
  const folder = await mkdtemp(join(tmpdir(), 'agora-engine-'));
  const namespace = `agora-${randomBytes(4).toString('hex')}`;
  const socket = join(folder, 'docker.sock');
  const pidFile = join(folder, 'pid');
  const dataFolder = join(folder, 'data');
  const endpoint: EngineEndpoint = { kind: 'unix', path: socket, source: 'test' };
  const engine = dockerEngine({ endpoint });

  const start = async () => {
    const log = openSync(join(folder, 'log'), 'a');
    const daemon = ['dockerd', '--data-root', dataFolder, '--exec-root', join(folder, 'exec')];
    const options = ['--pidfile', pidFile, '-H', `unix://${socket}`, ...words];
    const place = hasDefaultSocket ? ownRun : [];
    const sockets = hasDefaultSocket ? ['-H', 'unix:///var/run/docker.sock'] : [];
    const child = spawn('nsenter', [`--net=/run/netns/${namespace}`, ...place, ...daemon, ...options, ...sockets], {
      detached: true,
      stdio: ['ignore', log, log],
      ...(programs !== undefined && { env: { ...process.env, PATH: `${programs}:${process.env['PATH']}` } }),
    });
    child.unref();
    await waitUntil(
      'the private engine',
      () =>
        engine.ping().then(
          () => true,
          () => false,
        ),
      { timeoutMs: 60_000, intervalMs: 50 },
    );
  };
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    const pid = Number(await readFile(pidFile, 'utf8').catch(() => ''));
    if (!pid) return;
    if (isAlive(pid)) process.kill(pid, signal);
    await waitUntil('the end of the private engine', () => !isAlive(pid), { timeoutMs: 60_000 });
    await rm(pidFile, { force: true });
    // A killed engine's containerd dies with it, and where nobody reaps it the next engine takes it for alive.
    if (signal === 'SIGKILL') await rm(join(folder, 'exec/containerd/containerd.pid'), { force: true });
  };
  const signalled = async (signal: 'SIGSTOP' | 'SIGCONT') => {
    process.kill(Number(await readFile(pidFile, 'utf8')), signal);
  };
  const pause = () => signalled('SIGSTOP');
  const resume = () => signalled('SIGCONT');
  const close = async () => {
    await resume().catch(() => undefined); // It was stopped before.
    await stop();
    await endProcessesOf(folder, await readdir(join(dataFolder, 'containers')).catch(() => []));
    await unmountBelow(folder);
    await run('ip', ['netns', 'delete', namespace]);
    await rm(folder, { recursive: true, force: true });
  };

  await run('ip', ['netns', 'add', namespace]);
  try {
    if (diskBytes !== undefined) {
      await mkdir(dataFolder);
      await run('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'tmpfs', dataFolder]);
    }
    await run('ip', ['netns', 'exec', namespace, 'ip', 'link', 'set', 'lo', 'up']);
    await start();
  } catch (error) {
    const log = await readFile(join(folder, 'log'), 'utf8').catch(() => '');
    await close();
    throw new Error(`The private engine did not start:\n${log.slice(-2_000)}`, { cause: error });
  }
  return { endpoint, engine, host: `unix://${socket}`, dataFolder, namespace, start, stop, pause, resume, close };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** After a crash of the engine its containerd and the shims live on, which name its folder, and what runs in its containers. */
async function endProcessesOf(folder: string, containerIds: readonly string[]): Promise<void> {
  const isOurs = async (pid: number) => {
    const of = (file: string) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
    if ((await of('cmdline')).includes(`${folder}/`)) return true;
    const cgroups = await of('cgroup');
    return containerIds.some((id) => cgroups.includes(id));
  };
  const find = async () => {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
    const ours = await Promise.all(pids.map(isOurs));
    return pids.filter((pid, index) => pid !== process.pid && ours[index]);
  };
  await waitUntil("the end of the private engine's processes", async () => {
    const pids = await find();
    for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    return pids.length === 0;
  });
}

async function unmountBelow(folder: string): Promise<void> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').map((line) => line.split(' ')[1] ?? '');
  for (const path of mounts.filter((path) => path.startsWith(`${folder}/`)).reverse())
    await run('umount', ['-l', path]);
}

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { waitUntil } from '../../src/base/deadline.ts';

const run = promisify(execFile);

export const cephPrograms = ['ceph-mon', 'ceph-osd', 'monmaptool', 'radosgw', 'radosgw-admin'] as const;

export interface S3Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface S3User extends S3Keys {
  /** As bucket policies name it. */
  readonly arn: string;
}

/** One monitor, one store in memory and one object gateway, on ports and paths of their own. */
export interface CephCluster {
  readonly endpoint: string;
  readonly keys: S3Keys;
  /** A further person, who may do nothing in the buckets of others. */
  addUser(): Promise<S3User>;
  close(): Promise<void>;
}

/** Takes about a second. */
export async function startCephCluster(): Promise<CephCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-ceph-'));
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const started: ChildProcess[] = [];
  const configuration = join(folder, 'ceph.conf');
  const tool = (program: string, words: readonly string[]) =>
    run(program, ['--conf', configuration, ...alone(program), ...words], { timeout: 20_000 });
  const addUser = async (): Promise<S3User> => {
    const keys = { accessKeyId: randomBytes(10).toString('hex'), secretAccessKey: randomBytes(20).toString('hex') };
    const words = ['--access-key', keys.accessKeyId, '--secret-key', keys.secretAccessKey];
    const uid = randomUUID();
    await tool('radosgw-admin', ['-n', 'client.rgw', 'user', 'create', '--uid', uid, '--display-name', uid, ...words]);
    return { ...keys, arn: `arn:aws:iam:::user/${uid}` };
  };
  const close = async () => {
    await Promise.all(started.map(end));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await prepare(folder, { configuration, port });
    await tool('ceph-mon', ['--mkfs', '-i', 'a', '--monmap', join(folder, 'monmap')]);
    await tool('ceph-osd', ['-i', '0', '--mkfs', '--osd-uuid', randomUUID()]);
    started.push(
      daemon(folder, 'ceph-mon', 'a'),
      daemon(folder, 'ceph-osd', '0'),
      daemon(folder, 'radosgw', 'client.rgw'),
    );
    const [keys] = await Promise.all([
      addUser(),
      waitUntil('the S3 server', () => answers(endpoint, started), patience),
    ]);
    return { endpoint, keys, addUser, close };
  } catch (error) {
    const log = await readFile(join(folder, 'output'), 'utf8').catch(() => '');
    await close();
    throw new Error(`The S3 server did not start:\n${log.slice(-2_000)}`, { cause: error });
  }
}

const patience = { timeoutMs: 60_000, intervalMs: 20 };

async function answers(endpoint: string, started: readonly ChildProcess[]): Promise<boolean> {
  const ended = started.find((child) => child.exitCode !== null || child.signalCode !== null);
  if (ended !== undefined) throw new Error(`${ended.spawnargs.join(' ')} ended`);
  return fetch(endpoint).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function prepare(folder: string, { configuration, port }: { configuration: string; port: number }) {
  for (const name of ['mon', 'osd', 'rgw']) await mkdir(join(folder, name));
  const cluster = randomUUID();
  const monitors = join(folder, 'monmap');
  const monitor = `[v1:127.0.0.1:${await freePort()}]`;
  await run('monmaptool', ['--create', '--addv', 'a', monitor, '--fsid', cluster, monitors]);
  await writeFile(configuration, configurationText(folder, cluster, port));
}

// From paxos to objecter: else each of some twenty changes of the cluster's maps waits for the next tick of something.
const configurationText = (folder: string, cluster: string, port: number) => `[global]
fsid = ${cluster}
monmap = ${folder}/monmap
auth cluster required = none
auth service required = none
auth client required = none
public addr = 127.0.0.1
ms bind msgr2 = false
mon data = ${folder}/mon
mon data avail crit = 0
mon data avail warn = 1
mon allow pool size one = true
mon max pg per osd = 1000
paxos propose interval = 0.01
paxos min wait = 0
mon tick interval = 1
objecter tick interval = 0.2
osd data = ${folder}/osd
osd objectstore = memstore
memstore device bytes = 8589934592
osd crush chooseleaf type = 0
osd heartbeat grace = 3600
osd crush initial weight = 1
crush location = host=here root=default
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
admin socket =
crash dir = ${folder}
run dir = ${folder}
log file =
log to stderr = true
[client.rgw]
rgw data = ${folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:${port}
rgw thread pool size = 32
`;

// A program that first asks the monitor for more configuration knows no fsid at its first command, and may be refused.
const alone = (program: string) => (program === 'ceph-mon' ? [] : ['--no-mon-config']);

/** Ends with this process, however that ends. */
function daemon(folder: string, program: string, name: string): ChildProcess {
  const output = openSync(join(folder, 'output'), 'a');
  const words = [
    '--conf',
    join(folder, 'ceph.conf'),
    ...alone(program),
    '-f',
    program === 'radosgw' ? '-n' : '-i',
    name,
  ];
  return spawn('setpriv', ['--pdeathsig', 'KILL', program, ...words], { stdio: ['ignore', output, output] });
}

/** All is in memory: there is nothing to save, which takes Ceph five seconds. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** Below those that the system gives to outgoing connections, where it would soon be taken again. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_000);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

import { execFile, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { waitUntil } from '../../src/base/deadline.ts';

const run = promisify(execFile);

export interface SshServerOptions {
  /** What its users find in their environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Further lines of its configuration. */
  readonly lines?: readonly string[];
  /** Further lines of the configuration of the `ssh` that knows it. */
  readonly clientLines?: readonly string[];
  /** Where it listens. Default: 127.0.0.1, in the network of the test. */
  readonly place?: { readonly namespace: string; readonly address: string };
}

/** A real sshd of a test's own, and an `ssh` that knows it as the host "target". */
export interface SshServer {
  readonly port: number;
  /** With `config`, the ssh configuration that knows it. */
  readonly folder: string;
  /** A folder whose `ssh` has a configuration of its own; to be the first of PATH. */
  readonly programs: string;
  /** Forgets the server's key, or lets it be another than the one that is known. */
  forgetHostKey(known?: 'another'): Promise<void>;
  rememberHostKey(): Promise<void>;
  /** Another key than the one that the server lets in. */
  loseKey(): Promise<void>;
  findKey(): Promise<void>;
  start(): Promise<void>;
  /** The server and every connection of it, as a crash would. */
  stop(): Promise<void>;
}

/** Why no ssh server can be started here; undefined when one can. */
export async function sshServerObstacle(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'an ssh server needs root';
  const isThere = await run('/usr/sbin/sshd', ['-V']).then(
    () => true,
    (error: { readonly code?: unknown }) => error.code !== 'ENOENT',
  );
  return isThere ? undefined : 'there is no sshd';
}

export async function startSshServer(
  t: Pick<TestContext, 'after'>,
  { env = {}, lines = [], clientLines = [], place }: SshServerOptions = {},
): Promise<SshServer> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-sshd-'));
  const at = (name: string) => join(folder, name);
  const port = await freePort();
  const address = place?.address ?? '127.0.0.1';
  await mkdir('/run/sshd', { recursive: true });
  for (const key of ['host', 'other', 'friend', 'stranger'])
    await run('ssh-keygen', ['-qt', 'ed25519', '-N', '', '-f', at(key)]);
  await run('cp', [at('friend.pub'), at('authorized')]);
  const use = async (key: 'friend' | 'stranger') => void (await run('cp', [at(key), at('user')]));
  await use('friend');
  const settings = Object.entries(env).map(([name, value]) => `${name}="${value}"`);
  const server = [
    `Port ${port}`,
    `ListenAddress ${address}`,
    `HostKey ${at('host')}`,
    `AuthorizedKeysFile ${at('authorized')}`,
    `PidFile ${at('pid')}`,
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'MaxStartups 200',
    ...(settings.length === 0 ? [] : [`SetEnv ${settings.join(' ')}`]),
    ...lines,
  ];
  await writeFile(at('sshd_config'), `${server.join('\n')}\n`);
  await writeFile(
    at('config'),
    [clientConfig(folder, address, port), ...clientLines.map((line) => `  ${line}\n`)].join(''),
  );
  await mkdir(at('programs'));
  await writeFile(at('programs/ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F ${at('config')} "$@"\n`);
  await chmod(at('programs/ssh'), 0o755);
  const know = async (key: 'host' | 'other' | undefined) => {
    const line = key && (await run('cut', ['-d', ' ', '-f', '1-2', at(`${key}.pub`)])).stdout;
    await writeFile(at('known_hosts'), line === undefined ? '' : `[${address}]:${port} ${line}`);
  };
  await know('host');

  // It becomes the server: the process stays the same.
  const inPlace = place === undefined ? [] : ['nsenter', `--net=/run/netns/${place.namespace}`];
  let child: ReturnType<typeof spawn> | undefined;
  const start = async () => {
    const [program = '', ...words] = [...inPlace, '/usr/sbin/sshd', '-D', '-e', '-f', at('sshd_config')];
    child = spawn(program, words, { stdio: 'ignore' });
    const answers = () =>
      run('ssh-keyscan', ['-p', String(port), address]).then(
        ({ stdout }) => stdout !== '',
        () => false,
      );
    await waitUntil('the ssh server', answers, { timeoutMs: 20_000, intervalMs: 50 });
  };
  const stop = async () => {
    if (child === undefined) return;
    const over = new Promise((resolve) => child?.once('close', resolve));
    // First itself, so that nobody is let in any more, then those of its connections.
    child.kill('SIGSTOP');
    await run('pkill', ['-KILL', '-P', String(child.pid)]).catch(() => undefined);
    child.kill('SIGKILL');
    child = undefined;
    await over;
  };
  t.after(async () => {
    await stop();
    await rm(folder, { recursive: true, force: true });
  });
  await start();
  return {
    port,
    folder,
    programs: at('programs'),
    forgetHostKey: (known) => know(known === 'another' ? 'other' : undefined),
    rememberHostKey: () => know('host'),
    loseKey: () => use('stranger'),
    findKey: () => use('friend'),
    start,
    stop,
  };
}

function clientConfig(folder: string, address: string, port: number): string {
  return `Host target
  HostName ${address}
  Port ${port}
  User root
  IdentityFile ${folder}/user
  IdentitiesOnly yes
  UserKnownHostsFile ${folder}/known_hosts
  GlobalKnownHostsFile /dev/null
`;
}

/** A port of the loopback address that nobody listens at. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

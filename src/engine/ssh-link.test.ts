import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { engineForTests } from '../../test/support/engine.ts';
import { type SshServerOptions, sshServerObstacle, startSshServer } from '../../test/support/ssh-server.ts';
import { sleep, waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { dockerEngine } from './docker.ts';
import { parseEngineHost } from './endpoint.ts';
import { openConnection } from './ssh-connection.ts';
import { forwarding } from './ssh-forwarding.ts';
import { sshLinkTo } from './ssh-link.ts';
import { askOverSsh } from './ssh-process.ts';
import { parseSshTarget } from './ssh-target.ts';

const run = promisify(execFile);
const { engine: local, skip: noEngine } = await engineForTests();
const skip = noEngine || (await sshServerObstacle()) || false;
const patience = { timeoutMs: 30_000, intervalMs: 50 };

/** A machine that is reached over ssh, whose engine is the one of the tests. */
async function place(t: TestContext, { env, ...options }: SshServerOptions = {}) {
  const far = { DOCKER_HOST: local?.address ?? '', PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...env };
  const server = await startSshServer(t, { env: far, ...options });
  const before = process.env['PATH'];
  process.env['PATH'] = `${server.programs}:${before}`;
  const endpoint = parseEngineHost('ssh://target', 'a test');
  const link = endpoint.kind === 'ssh' ? sshLinkTo(endpoint.target) : assert.fail();
  t.after(async () => {
    process.env['PATH'] = before;
    await link.close();
  });
  return { server, link, engine: dockerEngine({ endpoint }), processes: () => sshProcesses(server.port) };
}

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-link-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A docker client whose `dial-stdio` does something else, of an engine that has no socket unless one is named. */
async function fakeDocker(folder: string, dialStdio: string): Promise<void> {
  const script = `#!/bin/sh
case "$*" in *dial-stdio) ${dialStdio};; *version*) echo 28;; *) echo tcp://127.0.0.1:1;; esac
`;
  await writeFile(join(folder, 'docker'), script, { mode: 0o755 });
}

/** Reads to the end, slower than it is written. */
async function slowly(socket: Socket): Promise<number> {
  let received = 0;
  for await (const chunk of socket) {
    received += (chunk as Buffer).length;
    await sleep(20);
  }
  return received;
}

/** Clients of a server, by their command lines. */
async function sshProcesses(port: number): Promise<string[]> {
  const { stdout } = await run('ss', ['-Htnp', 'state', 'established', 'dport', '=', `:${port}`]).catch(() => ({
    stdout: '',
  }));
  return stdout.split('\n').filter((line) => line.includes('"ssh"'));
}

describe('an engine over ssh', { skip }, () => {
  test('is the far docker client’s own, through one process however many ask', async (t) => {
    const { engine, processes } = await place(t);

    const informations = await Promise.all(Array.from({ length: 30 }, () => engine.information()));

    assert.equal(engine.address, 'ssh://target');
    assert.deepEqual(informations[29], await local?.information());
    assert.equal((await processes()).length, 1);
  });

  test('is reached where the server forwards nothing', async (t) => {
    const { engine } = await place(t, { lines: ['AllowStreamLocalForwarding no', 'AllowTcpForwarding no'] });

    const informations = await Promise.all([engine.information(), engine.information()]);

    assert.deepEqual(informations[1], await local?.information());
  });

  test('is reached whatever the ssh configuration adds for a person at a terminal', async (t) => {
    const control = join(await folderOf(t), 'control');
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    t.after(() => taken.close());
    const address = taken.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const clientLines = [
      'RemoteCommand tmux attach',
      'RequestTTY force',
      'PermitLocalCommand yes',
      'LocalCommand echo welcome back',
      'ControlMaster auto',
      `ControlPath ${control}`,
      'ControlPersist yes',
      `LocalForward ${port} 127.0.0.1:1`,
      'ExitOnForwardFailure yes',
      'LogLevel QUIET',
    ];
    const { engine, server } = await place(t, { clientLines });

    assert.deepEqual(await engine.information(), await local?.information());
    assert.equal(existsSync(control), false);
    await server.loseKey();
    await assert.rejects(
      askOverSsh(parseSshTarget('ssh://target'), 'true', AbortSignal.timeout(20_000)),
      (error) => isAppError(error, 'unreachable') && /does not let us in/.test(error.message),
    );
  });

  test('keeps all that a connection carried, also where each is a process and ends at once', async (t) => {
    const folder = await folderOf(t);
    await fakeDocker(folder, 'head -c 2000000 /dev/zero');
    const { link } = await place(t, { env: { PATH: `${folder}:/usr/bin:/bin` } });

    const socket = await link.connect();
    const received = await slowly(socket);

    assert.equal(received, 2_000_000);
  });

  test('is the one behind the socket that the address names, also where nothing is forwarded', async (t) => {
    const folder = await folderOf(t);
    await fakeDocker(folder, 'printf "<%s>" "$@"');
    const lines = ['AllowStreamLocalForwarding no'];
    const { server } = await place(t, { lines, env: { PATH: `${folder}:/usr/bin:/bin` } });
    assert.ok(server);
    const link = sshLinkTo(parseSshTarget("ssh://target/run/it's%20mine/docker.sock"));
    t.after(() => link.close());

    const said = await text(await link.connect());

    assert.equal(said, "<-H><unix:///run/it's mine/docker.sock><system><dial-stdio>");
  });

  test('is found behind a socket whose path ssh would read as more than a path', async (t) => {
    const folder = join(await folderOf(t), 'a b:c%h');
    await mkdir(folder);
    await symlink(local?.address.replace('unix://', '') ?? '', join(folder, 'engine.sock'));
    await place(t);
    const target = parseSshTarget(`ssh://target${encodeURI(folder)}/engine.sock`);
    const signal = AbortSignal.timeout(30_000);
    const connection = await openConnection(target, signal);
    t.after(() => connection.close());

    assert.equal(await forwarding(connection, target.socket ?? '', signal), join(connection.folder, 'engine'));
  });

  test('is found by a docker client that knows no contexts', async (t) => {
    const folder = await folderOf(t);
    await writeFile(
      join(folder, 'docker'),
      `#!/bin/sh\ncase $1 in version) echo 18.09;; *) echo "docker: '$1' is not a docker command." >&2; exit 1;; esac\n`,
      { mode: 0o755 },
    );
    const { engine } = await place(t, { env: { PATH: `${folder}:/usr/bin:/bin` } });

    assert.deepEqual(await engine.information(), await local?.information());
  });

  test('lets a process end that used it, also where each connection is a process', async (t) => {
    const { server } = await place(t, { lines: ['AllowStreamLocalForwarding no'] });
    const script = `
      import { dockerEngine } from '${import.meta.dirname}/docker.ts';
      import { parseEngineHost } from '${import.meta.dirname}/endpoint.ts';
      await dockerEngine({ endpoint: parseEngineHost('ssh://target', 'x') }).ping();`;

    const ended = run(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, PATH: `${server.programs}:${process.env['PATH']}` },
      timeout: 30_000,
    });

    await assert.doesNotReject(ended);
  });

  test('serves hundreds of connections that begin at once, and keeps those that it has', async (t) => {
    const { link, engine, processes } = await place(t);
    const first = await link.connect();
    t.after(() => first.destroy());
    const pid = Number(/pid=(\d+)/.exec((await processes())[0] ?? '')?.[1]);

    process.kill(pid, 'SIGSTOP');
    const connecting = Promise.all(Array.from({ length: 400 }, () => link.connect()));
    await new Promise(setImmediate);
    process.kill(pid, 'SIGCONT');
    const sockets = await connecting;
    for (const socket of sockets) socket.destroy();

    await engine.ping();
    assert.equal(first.destroyed || first.readableEnded, false);
  });

  test('is reached again after the line was cut', async (t) => {
    const { engine, server } = await place(t);
    await engine.ping();

    await server.stop();
    await assert.rejects(engine.ping(), (error) => isAppError(error, 'unreachable'));
    await server.start();

    await waitUntil(
      'the engine',
      () =>
        engine.ping().then(
          () => true,
          () => false,
        ),
      patience,
    );
  });

  test('is reached again when ssh itself was killed', async (t) => {
    const { engine, server, processes } = await place(t);
    await engine.ping();

    await run('pkill', ['-KILL', '-f', `${server.programs.replace(/programs$/, 'config')} `]);
    await waitUntil('the end of ssh', async () => (await processes()).length === 0, patience);

    await engine.ping();
    assert.equal((await processes()).length, 1);
  });

  test('is taken from a client that was made for ssh, whoever made it', async (t) => {
    await place(t);
    const docker = new Docker({ protocol: 'ssh', host: 'target', username: 'root' });

    const engine = dockerEngine({ docker });

    assert.equal(engine.address, 'ssh://root@target');
    assert.deepEqual(await engine.information(), await local?.information());
    const byNumber = dockerEngine({
      docker: new Docker({ protocol: 'ssh', host: 'fe80::1', username: 'root', port: 2222 }),
    });
    assert.equal(byNumber.address, 'ssh://root@[fe80::1]:2222');
    await sshLinkTo({ host: 'target', user: 'root', port: undefined, socket: undefined }).close();
  });

  test('leaves neither a process nor a folder, also of a process that was killed', async (t) => {
    const { server, processes } = await place(t);
    const folder = await mkdtemp(join(tmpdir(), 'agora-link-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const script = `
      import { dockerEngine } from '${import.meta.dirname}/docker.ts';
      import { parseEngineHost } from '${import.meta.dirname}/endpoint.ts';
      await dockerEngine({ endpoint: parseEngineHost('ssh://target', 'x') }).ping();
      console.log('answered');
      if (process.argv[1] === 'stay') setInterval(() => {}, 1000);`;
    const start = (word: string) =>
      spawn(process.execPath, ['--input-type=module', '-e', script, word], {
        env: { ...process.env, TMPDIR: folder, PATH: `${server.programs}:${process.env['PATH']}` },
        stdio: ['ignore', 'pipe', 'inherit'],
      });

    const brief = start('end');
    await new Promise((resolve) => brief.once('close', resolve));
    const killed = start('stay');
    await new Promise((resolve) => killed.stdout.once('data', resolve));
    killed.kill('SIGKILL');

    assert.equal(brief.exitCode, 0);
    await waitUntil('the end of ssh', async () => (await processes()).length === 0, patience);
    await waitUntil('the folder to be empty', async () => (await readdir(folder)).length === 0, patience);
  });
});

describe('what keeps an engine over ssh from being reached is told with what to do', { skip }, () => {
  const cases = [
    {
      name: 'an unknown host key',
      spoil: ({ server }: Awaited<ReturnType<typeof place>>) => server.forgetHostKey(),
      says: /"ssh:\/\/target": its host key is not known/,
      next: /`ssh target true` once and compare the fingerprint/,
    },
    {
      name: 'another host key than the known one',
      spoil: ({ server }: Awaited<ReturnType<typeof place>>) => server.forgetHostKey('another'),
      says: /another than the one that is known/,
      next: /ssh-keygen -R/,
    },
    {
      name: 'a key that is not let in',
      spoil: ({ server }: Awaited<ReturnType<typeof place>>) => server.loseKey(),
      says: /does not let us in/,
      next: /ssh-copy-id/,
    },
    {
      name: 'nobody who listens',
      spoil: ({ server }: Awaited<ReturnType<typeof place>>) => server.stop(),
      says: /no ssh server answers there/,
      next: /Start its ssh server/,
    },
  ] as const;

  for (const { name, spoil, says, next } of cases) {
    test(name, async (t) => {
      const there = await place(t);
      await spoil(there);

      await assert.rejects(there.engine.ping(), (error) => {
        assert.ok(isAppError(error, 'unreachable'), String(error));
        assert.match(error.message, says);
        assert.match(error.next ?? '', next);
        return true;
      });
    });
  }

  test('no docker on the far path', async (t) => {
    const empty = await mkdtemp(join(tmpdir(), 'agora-empty-'));
    t.after(() => rm(empty, { recursive: true, force: true }));
    await symlink('/bin/sh', join(empty, 'sh'));
    const { engine } = await place(t, { env: { PATH: empty } });

    await assert.rejects(
      engine.ping(),
      (error) => isAppError(error, 'unreachable') && /docker is not on the path/.test(error.message),
    );
  });

  test('a docker there whose engine does not run', async (t) => {
    const { engine } = await place(t, { env: { DOCKER_HOST: 'unix:///nowhere/docker.sock' } });

    await assert.rejects(
      engine.ping(),
      (error) => isAppError(error, 'unreachable') && /its engine does not answer/.test(error.message),
    );
  });

  test('a name that nobody knows', async (t) => {
    await place(t);

    await assert.rejects(
      dockerEngine({ endpoint: parseEngineHost('ssh://no-such-machine.invalid', 'x') }).ping(),
      (error) => isAppError(error, 'unreachable') && /its name is not known/.test(error.message),
    );
  });
});

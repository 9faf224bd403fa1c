import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { folderWithDocker, nearEngine, noSshPlace, sshPlace, usualPath } from '../../test/support/ssh-place.ts';
import { freePort } from '../../test/support/ssh-server.ts';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { dockerEngine } from './docker.ts';
import { openConnection } from './ssh-connection.ts';
import { forwarding } from './ssh-forwarding.ts';
import { sshLinkTo } from './ssh-link.ts';
import { askOverSsh } from './ssh-process.ts';
import { parseSshTarget } from './ssh-target.ts';

const run = promisify(execFile);
const patience = { timeoutMs: 30_000, intervalMs: 50 };

describe('an engine over ssh', { skip: noSshPlace }, () => {
  test('is the far docker client’s own, through one process however many ask', async (t) => {
    const { engine, processes } = await sshPlace(t);

    const informations = await Promise.all(Array.from({ length: 30 }, () => engine.information()));

    assert.equal(engine.address, 'ssh://target');
    assert.deepEqual(informations[29], await nearEngine?.information());
    assert.equal((await processes()).length, 1);
  });

  test('is reached whatever the ssh configuration adds for a person at a terminal', async (t) => {
    const control = join(await folderWithDocker(t, ''), 'control');
    const port = await freePort();
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
    const { engine, server } = await sshPlace(t, { clientLines });

    assert.deepEqual(await engine.information(), await nearEngine?.information());
    assert.equal(existsSync(control), false);
    await assert.rejects(once(connect(port, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' });
    await server.loseKey();
    await assert.rejects(
      askOverSsh(parseSshTarget('ssh://target'), 'true', AbortSignal.timeout(20_000)),
      (error) => isAppError(error, 'unreachable') && /does not let us in/.test(error.message),
    );
  });

  test('is found behind a socket whose path ssh would read as more than a path', async (t) => {
    const folder = join(await folderWithDocker(t, ''), 'a b:c%h');
    await mkdir(folder);
    await symlink(nearEngine?.address.replace('unix://', '') ?? '', join(folder, 'engine.sock'));
    await sshPlace(t);
    const target = parseSshTarget(`ssh://target${encodeURI(folder)}/engine.sock`);
    const signal = AbortSignal.timeout(30_000);
    const connection = await openConnection(target, signal);
    t.after(() => connection.close());

    assert.equal(await forwarding(connection, target.socket ?? '', signal), join(connection.folder, 'engine'));
  });

  test('is found by a docker client that knows no contexts', async (t) => {
    const folder = await folderWithDocker(
      t,
      `case $1 in version) echo 18.09;; *) echo "docker: '$1' is not a docker command." >&2; exit 1;; esac`,
    );
    const { engine } = await sshPlace(t, { env: { PATH: `${folder}:${usualPath}` } });

    assert.deepEqual(await engine.information(), await nearEngine?.information());
  });

  test('is found where docker is Podman’s, which names no host', async (t) => {
    const socket = nearEngine?.address.replace('unix://', '');
    const folder = await folderWithDocker(t, `case $1 in context) echo;; info) echo ${socket};; *) exit 125;; esac`);
    const { engine } = await sshPlace(t, { env: { PATH: `${folder}:${usualPath}` } });

    assert.deepEqual(await engine.information(), await nearEngine?.information());
  });

  test('serves hundreds of connections that begin at once, and keeps those that it has', async (t) => {
    const { link, engine, processes } = await sshPlace(t);
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
    const { engine, server } = await sshPlace(t);
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
    const { engine, server, processes } = await sshPlace(t);
    await engine.ping();

    await run('pkill', ['-KILL', '-f', `${server.programs.replace(/programs$/, 'config')} `]);
    await waitUntil('the end of ssh', async () => (await processes()).length === 0, patience);

    await engine.ping();
    assert.equal((await processes()).length, 1);
  });

  test('is taken from a client that was made for ssh, whoever made it', async (t) => {
    await sshPlace(t);
    const docker = new Docker({ protocol: 'ssh', host: 'target', username: 'root' });

    const engine = dockerEngine({ docker });

    assert.equal(engine.address, 'ssh://root@target');
    assert.deepEqual(await engine.information(), await nearEngine?.information());
    const byNumber = dockerEngine({
      docker: new Docker({ protocol: 'ssh', host: 'fe80::1', username: 'root', port: 2222 }),
    });
    assert.equal(byNumber.address, 'ssh://root@[fe80::1]:2222');
    await sshLinkTo({ host: 'target', user: 'root', port: undefined, socket: undefined }).close();
  });

  test('leaves neither a process nor a folder, also of a process that was killed', async (t) => {
    const { server, processes } = await sshPlace(t);
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

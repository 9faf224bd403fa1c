import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { folderWithDocker, nearEngine, noSshPlace, sshPlace, usualPath } from '../../test/support/ssh-place.ts';
import { sleep, waitUntil } from '../base/deadline.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { SshShell } from './ssh-connection.ts';
import { dialling } from './ssh-dialling.ts';
import { sshLinkTo } from './ssh-link.ts';
import { SshSessions } from './ssh-sessions.ts';
import { parseSshTarget } from './ssh-target.ts';

const run = promisify(execFile);
const noForwarding = ['AllowStreamLocalForwarding no', 'AllowTcpForwarding no'];

/** A docker client whose `dial-stdio` does something else, of an engine that has no socket unless one is named. */
function whoseDial(does: string): string {
  return `case "$*" in *dial-stdio) ${does};; *version*) echo 28;; *) echo tcp://127.0.0.1:1;; esac`;
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

describe('an engine over ssh where nothing is forwarded', { skip: noSshPlace }, () => {
  test('is reached', async (t) => {
    const { engine } = await sshPlace(t, { lines: noForwarding });

    const informations = await Promise.all([engine.information(), engine.information()]);

    assert.deepEqual(informations[1], await nearEngine?.information());
  });

  test('keeps all that a connection carried, also where its process ends at once', async (t) => {
    const folder = await folderWithDocker(t, whoseDial('head -c 2000000 /dev/zero'));
    const { link } = await sshPlace(t, { env: { PATH: `${folder}:${usualPath}` } });

    const socket = await link.connect();
    const received = await slowly(socket);

    assert.equal(received, 2_000_000);
  });

  test('is the one behind the socket that the address names', async (t) => {
    const folder = await folderWithDocker(t, whoseDial('printf "<%s>" "$@"'));
    const lines = ['AllowStreamLocalForwarding no'];
    const { server } = await sshPlace(t, { lines, env: { PATH: `${folder}:${usualPath}` } });
    assert.ok(server);
    const link = sshLinkTo(parseSshTarget("ssh://target/run/it's%20mine/docker.sock"));
    t.after(() => link.close());

    const said = await text(await link.connect());

    assert.equal(said, "<-H><unix:///run/it's mine/docker.sock><system><dial-stdio>");
  });

  test('lets a process end that used it', async (t) => {
    const { server } = await sshPlace(t, { lines: ['AllowStreamLocalForwarding no'] });
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

  test('is reached by many at once, though the server begins few logins at once and takes few commands on each', async (t) => {
    const { engine } = await sshPlace(t, { lines: [...noForwarding, 'MaxStartups 6:100:6'] });

    const informations = await Promise.all(Array.from({ length: 30 }, () => engine.information()));

    assert.equal(informations.length, 30);
  });

  test('is reached over a connection that a person shares, where a key alone is not let in', async (t) => {
    const control = join(await folderWithDocker(t, ''), 'control');
    const { engine, server } = await sshPlace(t, { clientLines: [`ControlPath ${control}`] });
    const person = spawn('ssh', ['-MN', 'target'], { stdio: 'ignore' });
    t.after(() => person.kill());
    await waitUntil('the shared connection', () => existsSync(control), { timeoutMs: 20_000, intervalMs: 20 });
    await server.loseKey();

    assert.deepEqual(await engine.information(), await nearEngine?.information());
  });

  test('is told where the docker client there cannot dial', async (t) => {
    const cannot = 'echo "docker: unknown command: docker system dial-stdio" >&2; exit 1';
    const folder = await folderWithDocker(t, whoseDial(cannot));
    const { engine } = await sshPlace(t, { env: { PATH: `${folder}:${usualPath}` } });

    await assert.rejects(engine.ping(), (error) => {
      assert.ok(isAppError(error, 'unreachable'));
      assert.match(error.message, /its docker client knows no dial-stdio, and no socket of its engine was found/);
      assert.equal(error.next, 'Name the socket: ssh://target/run/podman/podman.sock, wherever it is there.');
      return true;
    });
  });
});

for (const [what, words] of [
  ['is not there', []],
  ['cannot be started', ['x'.repeat(1_000_000)]],
] as const) {
  test(`an ssh that ${what} keeps no place on the login`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'agora-bare-'));
    const { PATH, TMPDIR } = process.env;
    Object.assign(process.env, { PATH: await folderWithoutSsh(folder), TMPDIR: folder });
    t.after(async () => {
      for (const [name, value] of Object.entries({ PATH, TMPDIR }))
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      await rm(folder, { recursive: true, force: true });
    });
    const shell: SshShell = {
      target: parseSshTarget('ssh://target'),
      words: () => [...words],
      ask: () => Promise.reject(new AppError('unreachable', 'Cannot ask')),
    };
    const sessions = new SshSessions(shell, 1);

    await assert.rejects(dialling(shell, sessions, AbortSignal.timeout(20_000)), { message: 'Cannot ask' });

    assert.equal((await sessions.enter()).shell, shell);
    await waitUntil('nothing to be left', async () => (await readdir(folder)).join() === 'bin');
  });
}

/** A `PATH` with what takes folders away again, and nothing else. */
async function folderWithoutSsh(within: string): Promise<string> {
  const bin = join(within, 'bin');
  await mkdir(bin);
  for (const program of ['cat', 'rm', 'sleep']) {
    const { stdout } = await run('which', [program]);
    await symlink(stdout.trim(), join(bin, program));
  }
  return bin;
}

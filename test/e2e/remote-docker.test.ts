import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import type { DispatchId } from '../../src/contracts/ids.ts';
import { containerLabels } from '../../src/contracts/names.ts';
import { containersOf, runScript, startScript } from '../support/dispatches.ts';
import { engineForTests, rawEngine } from '../support/engine.ts';
import { privateEngineObstacle, startPrivateEngine } from '../support/private-engine.ts';
import { patience, shellProject } from '../support/shell-project.ts';
import { sshServerObstacle, startSshServer } from '../support/ssh-server.ts';

const { engine, skip: noEngine } = await engineForTests();
const skip = noEngine || (await sshServerObstacle()) || false;

/** A project whose engine is that of another machine, as far as it can tell. */
async function remoteProject(t: TestContext) {
  const server = await startSshServer(t, {
    env: { DOCKER_HOST: engine?.address ?? '', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
  });
  const project = await shellProject(t, { engine: 'ssh://root@target' });
  project.env['PATH'] = `${server.programs}:${project.env['PATH']}`;
  return { server, project };
}

/** Lets a script that waits for a file in its container go on, past the line to it. */
async function letGoOn(dispatchId: DispatchId): Promise<void> {
  const docker = await rawEngine(engine?.address ?? assert.fail());
  const label = `${containerLabels.dispatchId}=${dispatchId}`;
  const [found] = await docker.listContainers({ filters: { label: [label] } });
  const exec = await docker.getContainer(found?.Id ?? assert.fail('no container')).exec({ Cmd: ['touch', '/tmp/go'] });
  await exec.start({});
}

test('the worker image is brought to an engine that has nothing, and work runs there', {
  skip: skip || (await privateEngineObstacle()) || false,
}, async (t) => {
  const far = await startPrivateEngine();
  t.after(() => far.close());
  const server = await startSshServer(t, { env: { DOCKER_HOST: far.host, PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } });
  const project = await shellProject(t, { engine: engine?.address ?? assert.fail() });
  project.env['PATH'] = `${server.programs}:${project.env['PATH']}`;

  const pushed = await project.agora(['worker', 'push', '--target', 'ssh://target']);
  const again = await project.agora(['worker', 'push', '--target', 'ssh://target']);
  project.env['DOCKER_HOST'] = 'ssh://target';
  const run = await runScript(project, 'echo "it is here"').finished;

  assert.equal(pushed.code, 0, pushed.stderr);
  assert.match(pushed.stderr, /^Copying [\d.]+ MiB from .* to ssh:\/\/target$/m);
  assert.match(again.stderr, /the image is there and current/);
  assert.equal(again.stdout, pushed.stdout);
  assert.equal(run.code, 0, run.stderr);
  assert.doesNotMatch(run.stderr, /Copying|Building|Pulling/);
  assert.match(run.stderr, /^it is here$/m);
});

describe('with DOCKER_HOST=ssh://user@target', { skip }, () => {
  test('a dispatch runs there, and says where', async (t) => {
    const { project } = await remoteProject(t);

    const run = await runScript(project, 'echo hello; echo new > new.txt', ['--secret', 'KEY=inline:opensesame-1'])
      .finished;

    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stderr, /^container d-\S+ on .*ssh:\/\/root@target/m);
    assert.match(run.stderr, /^hello$/m);
    const [patch] = JSON.parse(run.stdout).artifacts;
    assert.match((await project.agora(['artifact', 'get', patch.ref])).stdout, /^\+new$/m);
    assert.deepEqual(await containersOf(project, engine ?? assert.fail()), []);
  });

  test('doctor goes the way there leg by leg, and runs a dispatch when asked to', async (t) => {
    const { project } = await remoteProject(t);

    const { code, stdout } = await project.agora(['doctor', '--target', 'ssh://target', '--smoke', '--json']);

    const { checks, canRunItems } = JSON.parse(stdout);
    const names = ['name', 'port', 'host key', 'login', 'docker', 'engine', 'system', 'worker image', 'disk', 'clock'];
    assert.deepEqual(
      checks.map(({ name }: { name: string }) => name),
      [...names, 'smoke'],
    );
    const unsure = checks.filter(
      ({ name, state }: Record<string, string>) => state !== 'pass' && name !== 'worker image',
    );
    assert.deepEqual(unsure, []);
    assert.deepEqual([code, canRunItems], [0, true]);
  });

  test('doctor ends at the leg that does not hold, with what to do', async (t) => {
    const { project, server } = await remoteProject(t);
    const go = async () => (await project.agora(['doctor', '--target', 'ssh://root@target'])).stdout;

    await server.loseKey();
    assert.match(
      await go(),
      /PASS {2}host key .*\n {2}MISS {2}login .*\n.*next: .*ssh-copy-id.*\n\nItems cannot run there yet\./,
    );
    await server.forgetHostKey();
    assert.match(
      await go(),
      /PASS {2}port .*\n {2}MISS {2}host key .*\n.*next: .*compare the fingerprint.*\n\nItems cannot/,
    );
    await server.stop();
    assert.match(await go(), /PASS {2}name .*\n {2}MISS {2}port .*\n.*next: start the ssh server of 127\.0\.0\.1/);
  });

  test('a line that is cut while it runs costs time and not the work, and leaves nothing', async (t) => {
    const { project, server } = await remoteProject(t);
    const running = await startScript(project, 'echo begun; while ! [ -e /tmp/go ]; do sleep 0.1; done; echo ended');
    await waitUntil('its first line', () => running.stderr().includes('begun'), patience);

    await server.stop();
    await letGoOn(running.dispatchId);
    await server.start();

    const ended = await running.finished;
    assert.equal(ended.code, 0, ended.stderr);
    const logs = await project.agora(['dispatch', 'logs', running.dispatchId]);
    assert.match(logs.stdout, /^ended$/m);
    assert.deepEqual(await containersOf(project, engine ?? assert.fail()), []);
  });

  test('a target that lets nobody in ends a dispatch with why, and runs it nowhere else', async (t) => {
    const { project, server } = await remoteProject(t);
    await server.forgetHostKey();

    const run = await runScript(project, 'true').finished;
    const doctor = await project.agora(['doctor']);

    assert.notEqual(run.code, 0);
    assert.match(run.stderr, /Cannot reach "ssh:\/\/root@target": its host key is not known/);
    assert.match(run.stderr, /next: Run `ssh root@target true` once/);
    assert.match(doctor.stdout, /its host key is not known/);
  });
});

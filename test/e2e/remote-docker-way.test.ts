import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import type { RunId } from '../../src/contracts/ids.ts';
import { containersOf, runScript, startScript } from '../support/dispatches.ts';
import { type FarMachine, farMachineObstacle, startFarMachine } from '../support/far-machine.ts';
import { projectOn } from '../support/far-project.ts';
import type { Finished, Project } from '../support/project.ts';
import { intactBundle, item, outcomes, patience, statusesOf, submit, watched } from '../support/shell-project.ts';
import { freePort, startSshServer } from '../support/ssh-server.ts';

const skip = (await farMachineObstacle()) ?? false;

describe('the way to another machine', { skip }, () => {
  let far: FarMachine;
  /** All that a shell there finds. */
  let farPath: string;

  before(async () => {
    farPath = await mkdtemp(join(tmpdir(), 'agora-path-'));
    for (const program of ['docker', 'df']) await symlink(`/usr/bin/${program}`, join(farPath, program));
    far = await startFarMachine({
      engine: { words: ['-H', 'tcp://127.0.0.1:2375'] },
      server: { env: { PATH: farPath } },
    });
  });
  after(async () => {
    await far.close();
    await rm(farPath, { recursive: true });
  });

  /** A dispatch runs there, which `docker ps` shows while it does, and leaves nothing. */
  async function worksThere(project: Project): Promise<void> {
    const running = await startScript(project, 'echo there; sleep 3; echo new > new.txt');
    await waitUntil('its first line', () => /^there$/m.test(running.stderr()), patience);
    const shown = await project.start('docker', ['ps', '--format', '{{.Names}}']).finished;
    const ended = await running.finished;

    assert.equal(shown.stdout, `${running.dispatchId}\n`, shown.stderr);
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual(await containersOf(project, far.engine.engine), []);
  }

  const docker = () => join(farPath, 'docker');
  const faults = [
    {
      name: 'another host key than the known one',
      spoil: () => far.server.forgetHostKey('another'),
      mend: () => far.server.rememberHostKey(),
      why: /Cannot reach "ssh:\/\/root@target": its host key is another than the one that is known/,
      next: /next: If the machine was set up anew, forget the old key with `ssh-keygen -f ".*" -R "\[10\..*\]:\d+"`/,
    },
    {
      name: 'a key that is not let in',
      spoil: () => far.server.loseKey(),
      mend: () => far.server.findKey(),
      why: /Cannot reach "ssh:\/\/root@target": it does not let us in/,
      next: /next: Bring your key there with `ssh-copy-id`.*`ssh root@target true`/,
    },
    {
      name: 'no docker on the far path',
      spoil: () => rename(docker(), `${docker()}-away`),
      mend: () => rename(`${docker()}-away`, docker()),
      why: /Cannot reach "ssh:\/\/root@target": docker is not on the path of its non-interactive shell/,
      next: /next: Install docker there, or make `ssh root@target docker version` print/,
    },
  ];
  for (const { name, spoil, mend, why, next } of faults) {
    test(`${name}: a dispatch ends with that, a run waits with it, and both work once it is right`, async (t) => {
      const project = await projectOn(t, far);
      await spoil();

      const refused = await runScript(project, 'true').finished;
      const daemon = await project.serve();
      const runId = await heldRun(project, why);
      await mend();
      const ended = await watched(project, runId);

      isUnreachable(refused, why, next);
      assert.equal(ended.code, 0, daemon.stderr());
      assert.deepEqual(outcomes(await intactBundle(project, runId), 'a'), [['done', undefined, 0]]);
      await worksThere(project);
    });
  }

  test('a user who is not there: a run waits for a daemon that names the right one', async (t) => {
    const why = /Cannot reach "ssh:\/\/nobody-there@target": it does not let us in/;
    const project = await projectOn(t, far);
    project.env['DOCKER_HOST'] = 'ssh://nobody-there@target';

    const refused = await runScript(project, 'true').finished;
    const first = await project.serve();
    const runId = await heldRun(project, why);
    first.child.kill('SIGTERM');
    await first.finished;
    project.env['DOCKER_HOST'] = 'ssh://root@target';
    await project.serve();
    const ended = await watched(project, runId);

    isUnreachable(refused, why, /next: .*`ssh nobody-there@target true`/);
    assert.equal(ended.code, 0);
    assert.deepEqual(outcomes(await intactBundle(project, runId), 'a'), [['done', undefined, 0]]);
  });

  test('is that of a docker context where one is used', async (t) => {
    const project = await projectOn(t, far);
    delete project.env['DOCKER_HOST'];
    const context = ['context', 'create', 'far', '--docker', 'host=ssh://root@target'];

    const made = await project.start('docker', context).finished;
    const used = await project.start('docker', ['context', 'use', 'far']).finished;

    assert.deepEqual([made.code, used.code], [0, 0], made.stderr + used.stderr);
    await worksThere(project);
  });

  test('leads through another machine where ssh is told so', async (t) => {
    const project = await projectOn(t, far);
    const between = await jumping(t, project, far);

    const doctor = await project.agora(['doctor', '--target', 'ssh://target']);
    await worksThere(project);
    await between.stop();
    const refused = await runScript(project, 'true').finished;

    assert.equal(doctor.code, 0, doctor.stdout);
    assert.match(doctor.stdout, /by way of another machine/);
    isUnreachable(
      refused,
      /Cannot reach "ssh:\/\/root@target": no ssh server answers there/,
      /next: Start its ssh server/,
    );
  });

  test('is a forwarded port as well, also one that breaks in the middle', async (t) => {
    const project = await projectOn(t, far);
    const port = await freePort();
    const forward = async () => {
      const tunnel = project.start('ssh', ['-N', '-L', `${port}:localhost:2375`, 'target']);
      await waitUntil(
        'the tunnel',
        async () => (await project.start('docker', ['version']).finished).code === 0,
        patience,
      );
      return tunnel;
    };
    project.env['DOCKER_HOST'] = `tcp://localhost:${port}`;
    const tunnel = await forward();

    const running = await startScript(project, 'for i in 1 2 3 4 5 6 7 8; do echo line $i; sleep 1; done');
    await waitUntil('its first line', () => running.stderr().includes('line 1'), patience);
    tunnel.child.kill();
    await waitUntil('the report', () => /trying again/.test(running.stderr()), patience);
    await forward();
    const ended = await running.finished;

    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stderr, new RegExp(`^container \\S+ on docker tcp://localhost:${port}$`, 'm'));
    assert.deepEqual(ended.stderr.match(/^line \d$/gm)?.length, 8);
    assert.deepEqual(await containersOf(project, far.engine.engine), []);
  });
});

/** Submits a run to a target that cannot be reached, and gives it back once its status says why. */
async function heldRun(project: Project, why: RegExp): Promise<RunId> {
  const runId = await submit(project, 'held', [item('a', 'echo here > here.txt')]);
  const isHeld = async () =>
    (await statusesOf(project, runId)).find(({ reason }) => reason !== undefined && why.test(reason));
  const { items } = await waitUntil('the reason', isHeld, patience);
  assert.deepEqual(items[0]?.blockedBy, ['target:local']);
  return runId;
}

/** It ended as something that could not be reached, with why and what to do. */
function isUnreachable({ code, stdout, stderr }: Finished, why: RegExp, next: RegExp): void {
  assert.equal(code, 3, stderr);
  assert.equal(stdout, '');
  assert.match(stderr, why);
  assert.match(stderr, next);
  assert.doesNotMatch(stderr, /defect of agora|\n\s+at /);
}

/** Lets the ssh of a project reach the far machine only through an sshd of this one. */
async function jumping(t: TestContext, project: Project, far: FarMachine) {
  const between = await startSshServer(t);
  const configOf = ({ folder }: { readonly folder: string }) => readFile(join(folder, 'config'), 'utf8');
  const target = await configOf(far.server);
  const jump = (await configOf(between)).replace('Host target', 'Host jump');
  const programs = join(project.folder, 'programs');
  await mkdir(programs);
  await writeFile(join(programs, 'config'), `${target}  ProxyJump jump\n${jump}`);
  await writeFile(join(programs, 'ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F ${programs}/config "$@"\n`, { mode: 0o755 });
  project.env['PATH'] = `${programs}:${project.env['PATH']}`;
  return between;
}

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { engineForTests, packageRoot, rawEngine } from '../../test/support/engine.ts';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { containerLabels } from '../contracts/names.ts';
import type { Task } from '../contracts/task.ts';
import { type Engine, stdinBytes } from '../engine/engine.ts';
import { LocalStorage } from '../storage/local.ts';
import { DockerCompute } from './docker.ts';
import { containerSpec } from './docker-container.ts';
import { aDeploymentId, anInput, aTask, runTask } from './suite-tasks.ts';
import { prepareWorkerImage } from './worker-image.ts';

const { engine: found, skip } = await engineForTests();
const engine = found as Engine; // Tests that use it are skipped where there is none.
const imageId = skip ? '' : (await prepareWorkerImage(engine, { packageRoot })).imageId;
const root = await mkdtemp(join(tmpdir(), 'agora-docker-'));
const storage = new LocalStorage({ root });
const compute = new DockerCompute({ engine: async () => engine, image: async () => imageId });
const deploymentId = aDeploymentId();
const deadline = () => AbortSignal.timeout(60_000);
const sleeper = (wish: Partial<Parameters<typeof aTask>[0]> = {}) =>
  aTask({ command: ['sleep', '600'], deploymentId, ...wish });

after(async () => {
  if (!skip) for (const handle of await compute.list(deploymentId)) await compute.remove(handle);
  await rm(root, { recursive: true, force: true });
});

test('the container of a task is hardened as designed', { skip }, async () => {
  const handle = await compute.start(sleeper({ limits: { cpus: 0.5, memoryMb: 256, pids: 64 } }), deadline());

  const docker = await rawEngine(engine.address);
  const { Config, HostConfig, Mounts, Name } = await docker.getContainer(handle.providerId).inspect();

  assert.equal(Name, `/${handle.dispatchId}`);
  assert.deepEqual([Config.User, Config.OpenStdin, Config.StdinOnce], ['0:0', true, true]);
  const { CapDrop, CapAdd, SecurityOpt, ReadonlyRootfs, Init, Privileged, NetworkMode, Binds } = HostConfig;
  assert.deepEqual(
    {
      CapDrop,
      CapAdd: CapAdd?.map((name: string) => name.replace(/^CAP_/, '')).sort(),
      SecurityOpt,
      ReadonlyRootfs,
      Init,
      Privileged,
      NetworkMode,
      Binds,
    },
    {
      CapDrop: ['ALL'],
      CapAdd: ['CHOWN', 'DAC_OVERRIDE', 'KILL', 'SETGID', 'SETUID'],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      Init: true,
      Privileged: false,
      NetworkMode: 'none',
      Binds: null,
    },
  );
  const mebibytes = 256 * 1024 * 1024;
  const { Memory, MemorySwap, CpuQuota, CpuPeriod, PidsLimit } = HostConfig;
  assert.deepEqual([Memory, MemorySwap, PidsLimit], [mebibytes, mebibytes, 64]);
  assert.equal((CpuQuota ?? 0) / (CpuPeriod ?? 1), 0.5);
  const volumes = ['/agora/git', '/agora/in', '/agora/out', '/agora/outputs', '/workspace'];
  assert.deepEqual(Mounts.map(({ Destination }) => Destination).sort(), volumes);
  assert.ok(Mounts.every(({ Type }) => Type === 'volume'));
  await compute.remove(handle);
});

test('secrets appear neither in the container nor in its log, and its volumes go with it', { skip }, async () => {
  const docker = await rawEngine(engine.address);
  const secrets = { AGORA_TEST_SECRET: 'nowhere-to-be-found' };
  const handle = await compute.start(sleeper({ secrets }), deadline());

  const inspected = await docker.getContainer(handle.providerId).inspect();
  const environs = await Promise.all([readEnviron(inspected.State.Pid)]);
  await compute.remove(handle);

  assert.doesNotMatch(JSON.stringify(inspected) + environs.join(), /nowhere-to-be-found/);
  const { Volumes } = await docker.listVolumes();
  const own = new Set(inspected.Mounts.map(({ Name }) => Name));
  assert.deepEqual(
    (Volumes ?? []).filter(({ Name }) => own.has(Name)),
    [],
  );
});

test('secrets as large as allowed reach the worker, larger ones are refused before anything is made', {
  skip,
}, async () => {
  const own = aDeploymentId();
  // One variable may hold 128 KiB at most with its name; the object around them counts too.
  const secrets = {
    FIRST: 'x'.repeat(60_000),
    SECOND: 'y'.repeat(stdinBytes - 60_000 - '{"FIRST":"","SECOND":""}'.length),
  };
  const command = ['sh', '-c', `test "\${#FIRST}" -eq 60000 && test "\${#SECOND}" -eq ${secrets.SECOND.length}`];

  const { result } = await runTask(compute, aTask({ command, deploymentId: own, secrets }));
  const tooLarge = sleeper({ deploymentId: own, secrets: { ...secrets, THIRD: 'z' } });
  await assert.rejects(compute.start(tooLarge, deadline()), (error) => {
    return isAppError(error, 'limit-exceeded') && error.next !== undefined;
  });

  assert.deepEqual([result.outcome, result.failure], ['done', undefined]);
  assert.deepEqual(await compute.list(own), []);
});

test('a container that was made and never started is made again', { skip }, async () => {
  const task = sleeper();
  const halfMade = await engine.createContainer(containerSpec(task, imageId));

  const handle = await compute.start(task, deadline());

  assert.notEqual(handle.providerId, halfMade);
  assert.equal((await engine.inspectContainer(handle.providerId))?.status, 'running');
  await compute.remove(handle);
});

test('a wait for a container that was never started says that it is lost', { skip }, async () => {
  const task = sleeper();
  await engine.createContainer(containerSpec(task, imageId));

  const [handle] = (await compute.list(deploymentId)).filter(({ dispatchId }) => dispatchId === task.spec.dispatchId);
  assert.ok(handle);

  assert.deepEqual(await compute.wait(handle, deadline()), { kind: 'lost', reason: 'its container was never started' });
  await compute.remove(handle);
});

test('the name held by another deployment is a conflict, and that container stays as it is', { skip }, async () => {
  const theirs = sleeper({ deploymentId: aDeploymentId() });
  const handle = await compute.start(theirs, deadline());
  const ours: Task = { ...theirs, owner: { deploymentId } };

  await assert.rejects(compute.start(ours, deadline()), (error) => isAppError(error, 'task-conflict'));

  assert.equal(
    (await engine.inspectContainer(handle.providerId))?.labels[containerLabels.deployment],
    theirs.owner.deploymentId,
  );
  await compute.remove(handle);
});

test('an input whose stored bytes changed stops the start and leaves no container', { skip }, async () => {
  const own = aDeploymentId();
  const input = await anInput(storage, 'input.json', 'as it was stored');
  const hex = input.digest.slice('sha256:'.length);
  await writeFile(await blobPath(hex), 'as it is changed');

  const started = compute.start(sleeper({ deploymentId: own, inputs: [input] }), deadline());

  await assert.rejects(started, (error) => isAppError(error, 'artifact-mismatch'));
  assert.deepEqual(await compute.list(own), []);
});

test('a supervisor that was killed from outside makes the task lost', { skip }, async () => {
  const docker = await rawEngine(engine.address);
  const handle = await compute.start(sleeper(), deadline());

  await docker.getContainer(handle.providerId).kill();

  const reason = 'its supervisor was ended from outside (exit code 137)';
  assert.deepEqual(await compute.wait(handle, deadline()), { kind: 'lost', reason });
  await compute.remove(handle);
});

test('an image that is not there is reported as missing', { skip }, async () => {
  const missing = new DockerCompute({
    engine: async () => engine,
    image: async () => 'agora-worker:not-there',
  });

  await assert.rejects(missing.start(sleeper(), deadline()), (error) => isAppError(error, 'image-missing'));
});

/** Of the process that is first in the container, where this machine shows it. */
async function readEnviron(pid: number): Promise<string> {
  return await waitUntil('the environment', () => readFile(`/proc/${pid}/environ`, 'utf8').catch(() => 'hidden'));
}

async function blobPath(hex: string): Promise<string> {
  const names = await readdir(root, { recursive: true });
  const name = names.find((path) => path.endsWith(hex));
  assert.ok(name, `blob ${hex} is stored`);
  return join(root, name);
}

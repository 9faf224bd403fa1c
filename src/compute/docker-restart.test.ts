import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { engineForTests, packageRoot } from '../../test/support/engine.ts';
import { type PrivateEngine, privateEngineObstacle, startPrivateEngine } from '../../test/support/private-engine.ts';
import { outNames } from '../contracts/names.ts';
import type { Compute, TaskHandle } from './compute.ts';
import { DockerCompute } from './docker.ts';
import { aDeploymentId, aTask, collectFiles, resultOf } from './suite-tasks.ts';
import { prepareWorkerImage } from './worker-image.ts';

// The first for its rule on required engines: what it finds is not used.
const skip = (await engineForTests()).skip || ((await privateEngineObstacle()) ?? false);
const deadline = () => AbortSignal.timeout(120_000);

let folder: string;
let place: PrivateEngine;
let compute: Compute;

before(async () => {
  if (skip) return;
  folder = await mkdtemp(join(tmpdir(), 'agora-restart-'));
  place = await startPrivateEngine();
  const { imageId } = await prepareWorkerImage(place.engine, { packageRoot });
  compute = new DockerCompute({ engine: async () => place.engine, image: async () => imageId });
});

after(async () => {
  if (skip) return;
  await place.close();
  await rm(folder, { recursive: true, force: true });
});

test('an engine that is restarted stops the supervisor in order: the task has ended, with a result that says stopped', {
  skip,
}, async () => {
  const handle = await startTask('echo partial > partial.txt; echo begun; sleep 600');
  const ended = compute.wait(handle, deadline());

  await place.stop('SIGTERM');
  await place.start();

  assert.deepEqual(await ended, { kind: 'exited', exitCode: 0, isOutOfMemory: false });
  assert.equal(resultOf(await collectFiles(compute, handle)).outcome, 'stopped');
  await compute.remove(handle);
});

test('an engine that is killed ends its tasks when it is back: never as done', { skip }, async () => {
  const handle = await startTask('echo begun; sleep 600');
  const ended = compute.wait(handle, deadline());

  await place.stop('SIGKILL');
  await place.start();

  const exit = await ended;
  const files = await collectFiles(compute, handle);
  // Without live-restore a new engine stops what it finds; a supervisor that gets the time says so in its result.
  const outcome = files.has(outNames.result) ? resultOf(files).outcome : 'no result';
  assert.deepEqual([exit.kind, outcome], exit.kind === 'lost' ? ['lost', 'no result'] : ['exited', 'stopped']);
  await compute.remove(handle);
});

test('a task that ended while the engine was away is found with its result', { skip }, async () => {
  const handle = await compute.start(aTask({ command: ['true'], deploymentId: aDeploymentId() }), deadline());
  await compute.wait(handle, deadline());

  await place.stop('SIGTERM');
  const ended = compute.wait(handle, deadline());
  await place.start();

  assert.deepEqual(await ended, { kind: 'exited', exitCode: 0, isOutOfMemory: false });
  assert.equal(resultOf(await collectFiles(compute, handle)).outcome, 'done');
  await compute.remove(handle);
});

/** Resolves once the command has begun. */
async function startTask(script: string): Promise<TaskHandle> {
  const handle = await compute.start(
    aTask({ command: ['sh', '-c', script], deploymentId: aDeploymentId() }),
    deadline(),
  );
  for await (const { bytes } of compute.logs(handle, { follow: true, signal: deadline() })) {
    if (Buffer.from(bytes).includes('begun')) return handle;
  }
  return assert.fail('the command never began');
}

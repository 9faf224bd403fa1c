import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Compute } from '../src/compute/compute.ts';
import { DockerCompute } from '../src/compute/docker.ts';
import { containerSpec } from '../src/compute/docker-container.ts';
import { prepareWorkerImage } from '../src/compute/worker-image.ts';
import { engineAnswers } from '../src/config/local-docker-provider.ts';
import { packageRoot } from '../src/config/package-root.ts';
import { deploymentIdSchema } from '../src/contracts/ids.ts';
import { taskDefaults } from '../src/contracts/names.ts';
import { defaultBlocks } from '../src/contracts/pipeline.ts';
import { nothingElseHandedIn, type Task } from '../src/contracts/task.ts';
import { runDispatch } from '../src/dispatch/dispatch.ts';
import { randomDispatchId } from '../src/dispatch/dispatch-id.ts';
import { dockerEngine } from '../src/engine/docker.ts';
import { resolveEngineEndpoint } from '../src/engine/endpoint.ts';
import type { Engine } from '../src/engine/engine.ts';
import { LocalStorage } from '../src/storage/local.ts';

export interface DispatchTimes {
  /** A bare container: same image, same hardening, no network, `node -e 0`, same client. Milliseconds, sorted. */
  readonly floorMs: readonly number[];
  /** A whole dispatch: inputs in, worker, patch and log out, stored, container removed. */
  readonly dispatchMs: readonly number[];
}

/** Undefined where no engine answers. Floor and dispatch take turns, so that a busy moment burdens both. */
export async function measureDispatch(rounds: number): Promise<DispatchTimes | undefined> {
  const endpoint = await resolveEngineEndpoint({ env: process.env, homeDirectory: process.env['HOME'] ?? '/' });
  if (endpoint === undefined || !(await engineAnswers(endpoint))) return undefined;
  const engine = dockerEngine({ endpoint });
  const { imageId } = await prepareWorkerImage(engine, {
    packageRoot,
    onProgress: (line) => process.stderr.write(`${line}\n`),
  });
  const folder = await mkdtemp(join(tmpdir(), 'agora-bench-'));
  try {
    const storage = new LocalStorage({ root: folder });
    const compute = new DockerCompute({ engine: async () => engine, image: async () => imageId });
    const deploymentId = deploymentIdSchema.parse(randomBytes(16).toString('hex'));
    const times = { floorMs: [] as number[], dispatchMs: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      times.floorMs.push(await timed(() => runBare(engine, bareTask(deploymentId), imageId)));
      times.dispatchMs.push(await timed(() => runWhole(compute, storage, bareTask(deploymentId))));
    }
    const ascending = (left: number, right: number) => left - right;
    return { floorMs: times.floorMs.sort(ascending), dispatchMs: times.dispatchMs.sort(ascending) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function bareTask(deploymentId: Task['owner']['deploymentId']): Task {
  const { cpus, memoryMb, pids, diskMb, outputBytes, timeoutSeconds } = taskDefaults;
  return {
    spec: {
      dispatchId: randomDispatchId(),
      agent: { runtime: 'command', command: ['node', '-e', '0'] },
      blocks: defaultBlocks(),
      ...nothingElseHandedIn,
      env: {},
      limits: { cpus, memoryMb, pids, diskMb, outputBytes, timeoutSeconds },
      network: 'none',
      hasWorktree: false,
      inputKeys: [],
      secretBytes: 0,
    },
    owner: { deploymentId },
    inputs: [],
    secrets: {},
  };
}

async function runBare(engine: Engine, task: Task, image: string): Promise<void> {
  const id = await engine.createContainer({ ...containerSpec(task, image), command: ['node', '-e', '0'] });
  await engine.startContainer(id);
  await engine.waitContainer(id);
  await engine.removeContainer(id);
}

async function runWhole(compute: Compute, storage: LocalStorage, task: Task): Promise<void> {
  const never = new AbortController().signal;
  const signals = { stop: never, detach: never, expired: never };
  const ended = await runDispatch({ compute, storage }, { task, isResumed: false }, signals);
  await ended?.release();
  if (ended?.result.outcome !== 'done') throw new Error(`the dispatch ended ${JSON.stringify(ended?.result)}`);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

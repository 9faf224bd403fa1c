import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stopwatch } from '../src/base/stopwatch.ts';
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
  /** A bare container: same image, same hardening, no network, `node -e 0`, same client. */
  readonly floor: Timed;
  /** A whole dispatch of a command that does nothing: inputs in, worker, result and log out, stored, container removed. */
  readonly dispatch: Timed;
  /** The same, where the command is a program of Node as well: `node -e 0`. */
  readonly nodeDispatch: Timed;
  readonly tenDispatches: Ten;
  readonly tenBare: Ten;
}

/** Medians in milliseconds, of the whole and of its stages. */
export interface Timed {
  readonly totalMs: number;
  readonly stages: Stages;
}

/** Ten one after the other and ten at once, in milliseconds. */
export interface Ten {
  readonly inSequenceMs: number;
  readonly atOnceMs: number;
}

type Stages = Readonly<Record<string, number>>;

/** Undefined where no engine answers. Those that are compared take turns, so that a busy moment burdens each. */
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
    const bare = () => runBare(engine, taskOf(deploymentId, ['true']), imageId);
    const whole = (command: Command) => runWhole(compute, storage, taskOf(deploymentId, command));
    const floor: Stages[] = [];
    const dispatch: Stages[] = [];
    const nodeDispatch: Stages[] = [];
    for (let round = 0; round < rounds; round++) {
      floor.push(await bare());
      dispatch.push(await whole(['true']));
      nodeDispatch.push(await whole(['node', '-e', '0']));
    }
    return {
      floor: medians(floor),
      dispatch: medians(dispatch),
      nodeDispatch: medians(nodeDispatch),
      ...(await measureTens(() => whole(['true']), bare)),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Command = readonly [string, ...string[]];

function taskOf(deploymentId: Task['owner']['deploymentId'], command: Command): Task {
  const { cpus, memoryMb, pids, diskMb, outputBytes, timeoutSeconds } = taskDefaults;
  return {
    spec: {
      dispatchId: randomDispatchId(),
      agent: { runtime: 'command', command: [...command] },
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

async function runBare(engine: Engine, task: Task, image: string): Promise<Stages> {
  const watch = new Stopwatch();
  const id = await engine.createContainer({ ...containerSpec(task, image), command: ['node', '-e', '0'] });
  watch.lap('create');
  await engine.startContainer(id);
  watch.lap('start');
  await engine.waitContainer(id);
  watch.lap('wait');
  await engine.removeContainer(id);
  watch.lap('remove');
  return watch.laps;
}

async function runWhole(compute: Compute, storage: LocalStorage, task: Task): Promise<Stages> {
  const never = new AbortController().signal;
  const signals = { stop: never, detach: never, expired: never };
  const ended = await runDispatch({ compute, storage }, { task, isResumed: false }, signals);
  const watch = new Stopwatch();
  await ended?.release();
  watch.lap('remove');
  if (ended?.result.outcome !== 'done') throw new Error(`the dispatch ended ${JSON.stringify(ended?.result)}`);
  return { ...ended.stages, ...watch.laps };
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] ?? 0;
}

/** Of each stage, and of their sums. */
function medians(rounds: readonly Stages[]): Timed {
  const names = Object.keys(rounds[0] ?? {});
  const stages = Object.fromEntries(names.map((name) => [name, median(rounds.map((round) => round[name] ?? 0))]));
  return {
    totalMs: median(rounds.map((round) => Object.values(round).reduce((sum, value) => sum + value, 0))),
    stages,
  };
}

/** Medians of three sets each, which take turns too. */
async function measureTens(
  whole: () => Promise<unknown>,
  bare: () => Promise<unknown>,
): Promise<Pick<DispatchTimes, 'tenDispatches' | 'tenBare'>> {
  const sets: { whole: Ten; bare: Ten }[] = [];
  for (let set = 0; set < 3; set++) sets.push({ whole: await tenOf(whole), bare: await tenOf(bare) });
  const middle = (tens: readonly Ten[]): Ten => ({
    inSequenceMs: median(tens.map(({ inSequenceMs }) => inSequenceMs)),
    atOnceMs: median(tens.map(({ atOnceMs }) => atOnceMs)),
  });
  return {
    tenDispatches: middle(sets.map((set) => set.whole)),
    tenBare: middle(sets.map((set) => set.bare)),
  };
}

async function tenOf(work: () => Promise<unknown>): Promise<Ten> {
  const ten = Array.from({ length: 10 }, () => work);
  const inSequenceMs = await timed(async () => {
    for (const one of ten) await one();
  });
  return { inSequenceMs, atOnceMs: await timed(() => Promise.all(ten.map((one) => one()))) };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

import { observe } from '../src/agent/observe.ts';
import { sleep, waitUntil } from '../src/base/deadline.ts';
import { defaultHostSettings } from '../src/contracts/fleet.ts';
import { hostLabels } from '../src/contracts/fleet-names.ts';
import type { HostSpec } from '../src/contracts/host-spec.ts';
import { emptyMemory } from '../src/reconcile/memory.ts';
import { reconcile } from '../src/reconcile/reconcile.ts';
import { BenchEngine, benchImage } from './fleet-engine.ts';
import { FleetProcesses } from './fleet-processes.ts';
import { specOf } from './fleet-samples.ts';
import { type ProcessUse, watchProcess } from './process-use.ts';

export interface HostTimes {
  /** With 20 containers and nothing to do. */
  readonly agent: ProcessUse;
  /** From before what is declared is changed until the engine tells that the new container runs. */
  readonly editMs: readonly number[];
  readonly killMs: readonly number[];
  /** A container of the same kind made and started, and only started. */
  readonly bare: { readonly createAndStartMs: readonly number[]; readonly startMs: readonly number[] };
  /** CPU of looking at 50 containers and finding nothing to do. */
  readonly noOpMs: number;
}

const name = 'box';
const idleContainers = 20;
const settledContainers = 50;
const edits = 14;
const kills = 14;
/** After each change, until the agent has nothing more to do for it. */
const betweenMs = 700;
const settleMs = 15_000;
const watchSeconds = 60;
const noOpRounds = 40;

/** One agent and its engine, both as processes of their own. */
export async function measureHost(): Promise<HostTimes> {
  const engine = await BenchEngine.start();
  try {
    const fleet = await FleetProcesses.start();
    try {
      const { pid } = await fleet.startAgent(name, engine.host);
      await declare(fleet, specOf(benchImage, idleContainers));
      await untilHealthy(fleet);
      await sleep(settleMs);
      const agent = await watchProcess(pid, watchSeconds);
      const { killMs, startMs } = await killEach(engine);
      const { editMs, createAndStartMs } = await editAgain(fleet, engine);
      await declare(fleet, specOf(benchImage, settledContainers));
      await untilHealthy(fleet);
      return { agent, editMs, killMs, bare: { createAndStartMs, startMs }, noOpMs: await noOp(fleet, engine) };
    } finally {
      await fleet.close();
    }
  } finally {
    await engine.close();
  }
}

async function declare(fleet: FleetProcesses, spec: HostSpec): Promise<void> {
  await fleet.admin.call('applySpec', { params: { host: name }, body: { spec } });
}

async function untilHealthy(fleet: FleetProcesses): Promise<void> {
  const isHealthy = async () =>
    (await fleet.admin.call('getHost', { params: { host: name } })).change?.times.healthy !== undefined;
  await waitUntil('what is declared', isHealthy, { timeoutMs: 120_000, intervalMs: 100 });
}

/** Each container once, and in turn with it one that nobody keeps: killed, then started directly. */
async function killEach(engine: BenchEngine): Promise<{ killMs: number[]; startMs: number[] }> {
  const killMs: number[] = [];
  const startMs: number[] = [];
  await engine.runBare(specOf(benchImage, 1), 'bare-');
  for (let index = 0; index < kills; index++) {
    const started = engine.started(`w${index}`);
    const killedAt = performance.now();
    await engine.kill(`w${index}`);
    killMs.push((await started) - killedAt);
    await engine.kill('bare-w0');
    const startedAt = performance.now();
    await engine.calls.startContainer('bare-w0');
    startMs.push(performance.now() - startedAt);
    await sleep(betweenMs);
  }
  await engine.clear('bare-');
  return { killMs, startMs };
}

/** One container more each time, and in turn with it one that is made directly. */
async function editAgain(fleet: FleetProcesses, engine: BenchEngine) {
  const editMs: number[] = [];
  const createAndStartMs: number[] = [];
  for (let count = idleContainers + 1; count <= idleContainers + edits; count++) {
    const started = engine.started(`w${count - 1}`);
    const declaredAt = performance.now();
    await declare(fleet, specOf(benchImage, count));
    editMs.push((await started) - declaredAt);
    await sleep(betweenMs);
    const startedAt = performance.now();
    await engine.runBare(specOf(benchImage, 1), `bare-${count}-`);
    createAndStartMs.push(performance.now() - startedAt);
    await engine.clear('bare-');
  }
  return { editMs, createAndStartMs };
}

/** In this process, on the agent's engine: what a look and the decision that it leads to take. */
async function noOp(fleet: FleetProcesses, engine: BenchEngine): Promise<number> {
  const { spec } = await fleet.admin.call('getSpec', { params: { host: name } });
  const { hosts } = await fleet.admin.call('listHosts', {});
  const hostId = hosts[0]?.hostId ?? '';
  const target = { hostId, revision: 1, spec, settings: defaultHostSettings };
  const look = async () => {
    const observed = await observe(engine.calls);
    const own = observed.containers.filter(({ labels }) => labels[hostLabels.host] === hostId);
    const { steps } = reconcile(target, observed, { memory: emptyMemory, now: Date.now() });
    if (own.length !== settledContainers || steps.length > 0) throw new Error('The host is not as declared');
  };
  for (let round = 0; round < noOpRounds; round++) await look();
  const before = process.cpuUsage();
  for (let round = 0; round < noOpRounds; round++) await look();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000 / noOpRounds;
}

import { homedir } from 'node:os';
import { byteText } from '../base/byte-text.ts';
import { formatDuration } from '../base/duration.ts';
import { shellWord } from '../base/shell-word.ts';
import { buildWorkerBundle } from '../compute/worker-bundle.ts';
import { packageRoot } from '../config/package-root.ts';
import { isAppError } from '../contracts/errors.ts';
import { dockerEngine } from '../engine/docker.ts';
import { describeEndpoint, type EngineEndpoint, isInTheClear, namedEndpoint } from '../engine/endpoint.ts';
import { readEngineFacts } from '../engine/engine-facts.ts';
import { askOverSsh } from '../engine/ssh-process.ts';
import type { MachineCheck, MachineReport } from './machine-checks.ts';
import { probeWorkerImage } from './probe-engine.ts';
import { smokeTest } from './target-smoke.ts';
import { goTheWay, missed } from './target-way.ts';

export interface TargetOptions {
  /** As DOCKER_HOST takes it. */
  readonly address: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Run one dispatch there as well. */
  readonly isSmoked: boolean;
  /** How long all but the dispatch may take. Default: 120000. */
  readonly patienceMs?: number;
}

const defaults = { patienceMs: 120_000 } satisfies Partial<TargetOptions>;
const lowDiskKiB = 2 * 1024 ** 2;
/** Logs and certificates of a clock further off mislead. */
const mostClockMs = 30_000;

/** Goes the whole way to an engine, leg by leg; what lies behind one that does not hold is not looked at. */
export async function checkTarget(options: TargetOptions): Promise<MachineReport> {
  const { address, env, isSmoked, patienceMs } = { ...defaults, ...options };
  const signal = AbortSignal.timeout(patienceMs);
  const endpoint = namedEndpoint(address, '--target', { env, homeDirectory: homedir() });
  const checks = endpoint.kind === 'ssh' ? await goTheWay(endpoint, signal) : [];
  if (!checks.some(({ state }) => state === 'miss')) checks.push(...(await checkFarEngine(endpoint, signal)));
  if (isSmoked && !checks.some(({ state }) => state === 'miss')) checks.push(await smokeTest(endpoint));
  return { checks, canRunItems: !checks.some(({ state }) => state === 'miss') };
}

async function checkFarEngine(endpoint: EngineEndpoint, signal: AbortSignal): Promise<MachineCheck[]> {
  const engine = dockerEngine({ endpoint });
  try {
    const { version, operatingSystem, architecture } = await engine.information(signal);
    const { digest } = await buildWorkerBundle(packageRoot);
    const image = await probeWorkerImage(engine, digest);
    const { rootFolder, clockAheadMs } = await readEngineFacts(endpoint, signal);
    return [
      { name: 'engine', state: 'pass', detail: `${version} at ${describeEndpoint(endpoint)}` },
      ...checkLine(endpoint),
      checkSystem(operatingSystem, architecture),
      checkImage(image, endpoint),
      await checkFarDisk(endpoint, rootFolder, signal),
      checkClock(clockAheadMs),
    ];
  } catch (error) {
    if (isAppError(error)) return [missed('engine', error)];
    if (!signal.aborted) throw error;
    const next = 'look whether that engine hangs';
    return [{ name: 'engine', state: 'miss', detail: `${describeEndpoint(endpoint)} does not answer in time`, next }];
  }
}

function checkLine(endpoint: EngineEndpoint): MachineCheck[] {
  if (!isInTheClear(endpoint)) return [];
  const detail = 'neither encrypted nor authenticated: whoever reaches that port commands that machine';
  return [{ name: 'line', state: 'note', detail, next: 'use ssh://user@host, or certificates' }];
}

function checkSystem(operatingSystem: string, architecture: string): MachineCheck {
  const name = 'system';
  const detail = `${operatingSystem}, ${architecture}`;
  if (operatingSystem !== 'linux')
    return { name, state: 'miss', detail, next: 'switch that engine to Linux containers: workers run on Linux' };
  if (architecture === process.arch) return { name, state: 'pass', detail };
  return {
    name,
    state: 'note',
    detail: `${detail}, here ${process.arch}: its worker image is pulled, not made of files from here`,
  };
}

function checkImage(state: 'current' | 'outdated' | 'missing', endpoint: EngineEndpoint): MachineCheck {
  const name = 'worker image';
  if (state === 'current') return { name, state: 'pass', detail: 'is there and current' };
  const next = `the first dispatch brings it, or now: agora worker push --target ${describeEndpoint(endpoint)}`;
  return { name, state: 'note', detail: `is ${state}`, next };
}

async function checkFarDisk(endpoint: EngineEndpoint, folder: string, signal: AbortSignal): Promise<MachineCheck> {
  const name = 'disk';
  if (endpoint.kind !== 'ssh') return { name, state: 'note', detail: `of ${folder} there: an engine does not tell` };
  const told = await askOverSsh(endpoint.target, `df -Pk ${shellWord(folder)}`, signal).catch(() => '');
  const freeKiB = Number(told.trim().split('\n').at(-1)?.split(/\s+/)[3]);
  if (!Number.isFinite(freeKiB)) return { name, state: 'note', detail: `of ${folder} there: df does not tell` };
  const detail = `${byteText(freeKiB * 1024)} free at ${folder}`;
  if (freeKiB >= lowDiskKiB) return { name, state: 'pass', detail };
  return { name, state: 'miss', detail, next: 'free some space there: images and worktrees go there' };
}

function checkClock(aheadMs: number): MachineCheck {
  const off = formatDuration(Math.abs(aheadMs));
  if (Math.abs(aheadMs) <= mostClockMs) return { name: 'clock', state: 'pass', detail: `${off} off` };
  const detail = `${off} ${aheadMs > 0 ? 'ahead of' : 'behind'} this machine’s`;
  return { name: 'clock', state: 'note', detail, next: 'set it: times in logs of workers are its own' };
}

import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { probeSandbox } from '../compute/bubblewrap-probe.ts';
import { unheldText } from '../compute/provider-summary.ts';
import { buildWorkerBundle } from '../compute/worker-bundle.ts';
import { findConfig } from '../config/find-config.ts';
import { packageRoot } from '../config/package-root.ts';
import { stateFolder } from '../config/state-folder.ts';
import { type AppError, isAppError } from '../contracts/errors.ts';
import { type EngineProbe, probeEngine, probeWorkerImage, type WorkerImageState } from './probe-engine.ts';

/** One thing a machine has or lacks. `note` is neither: it depends on what one wants. */
export interface MachineCheck {
  readonly name: string;
  readonly state: 'pass' | 'miss' | 'note';
  readonly detail: string;
  readonly next?: string;
}

export interface MachineReport {
  readonly checks: readonly MachineCheck[];
  /** Whether some provider here can run items. */
  readonly canRunItems: boolean;
}

export interface MachineOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly config: string | undefined;
}

const lowDiskBytes = 1024 ** 3;

/** Looks at everything a run needs; starts and changes nothing. */
export async function checkMachine(options: MachineOptions): Promise<MachineReport> {
  const engine = await lookForEngine(options.env);
  const sandbox = await checkSandbox();
  const checks = [
    checkNode(process.versions.node),
    await checkGit(),
    checkEngine(engine),
    ...(engine.kind === 'answers' ? await checkWorkerImages(engine) : []),
    sandbox,
    ...(await checkPlace(options)),
  ];
  const lacks = (name: string) => checks.some((check) => check.name === name && check.state === 'miss');
  const hasPlace = engine.kind === 'answers' || (engine.kind !== 'unusable' && sandbox.state === 'pass');
  return { checks, canRunItems: hasPlace && !lacks('git') && !lacks('config') };
}

type EngineFound = EngineProbe | { readonly kind: 'unusable'; readonly problem: AppError };

async function lookForEngine(env: MachineOptions['env']): Promise<EngineFound> {
  try {
    return await probeEngine(env);
  } catch (problem) {
    // What names an engine that cannot be one stops every run, bubblewrap or not.
    if (isAppError(problem)) return { kind: 'unusable', problem };
    throw problem;
  }
}

function checkNode(version: string): MachineCheck {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 24 || (major === 24 && minor >= 12)) return { name: 'node', state: 'pass', detail: version };
  return { name: 'node', state: 'miss', detail: `${version}, 24.12 is needed`, next: 'npm ci brings the right one' };
}

async function checkGit(): Promise<MachineCheck> {
  try {
    const { stdout } = await promisify(execFile)('git', ['--version']);
    return { name: 'git', state: 'pass', detail: stdout.trim().replace(/^git version /, '') };
  } catch {
    return { name: 'git', state: 'miss', detail: 'git cannot be run', next: 'install git' };
  }
}

function checkEngine(engine: EngineFound): MachineCheck {
  const name = 'engine';
  switch (engine.kind) {
    case 'answers':
      return answeringEngine(engine);
    case 'silent':
      return {
        name,
        state: 'miss',
        detail: `${engine.place} does not answer: ${engine.reason}`,
        next: 'start that engine, or point DOCKER_HOST at one that runs',
      };
    case 'unusable':
      return missing(name, engine.problem);
    case 'none':
      return {
        name,
        state: 'note',
        detail: 'no container engine is found',
        next: 'install Docker or Podman, or set DOCKER_HOST, for workers in containers',
      };
  }
}

function answeringEngine({ information, place }: Extract<EngineProbe, { kind: 'answers' }>): MachineCheck {
  const { version, hasCpuLimit, hasMemoryLimit, hasPidsLimit } = information;
  const held = { cpus: hasCpuLimit, memory: hasMemoryLimit, pids: hasPidsLimit };
  const unheld = Object.entries(held).flatMap(([limit, isHeld]) => (isHeld ? [] : [limit]));
  const detail = `${version} at ${place}`;
  if (unheld.length === 0) return { name: 'engine', state: 'pass', detail };
  const next = 'let the engine use the control groups of these limits, or give it work you trust with them';
  return { name: 'engine', state: 'note', detail: `${detail}, ${unheldText(unheld)}`, next };
}

async function checkWorkerImages({ engine }: Extract<EngineProbe, { kind: 'answers' }>): Promise<MachineCheck[]> {
  const { digest } = await buildWorkerBundle(packageRoot);
  const plain = await probeWorkerImage(engine, digest);
  const withClaude = await probeWorkerImage(engine, digest, 'claude-code');
  return [
    imageCheck('worker image', plain, { ifNot: 'miss', next: 'agora worker build' }),
    // Commands run without it, and it is built when the first Claude Code is to run.
    imageCheck('claude image', withClaude, { ifNot: 'note', next: 'agora worker build --with claude-code' }),
  ];
}

function imageCheck(
  name: string,
  state: WorkerImageState,
  { ifNot, next }: { readonly ifNot: 'miss' | 'note'; readonly next: string },
): MachineCheck {
  if (state === 'current') return { name, state: 'pass', detail: 'is there and current' };
  return { name, state: ifNot, detail: `is ${state}`, next };
}

async function checkSandbox(): Promise<MachineCheck> {
  const name = 'bubblewrap';
  const probe = await probeSandbox();
  if (probe.kind === 'none') {
    return { name, state: 'note', detail: probe.reason, next: 'install bubblewrap for workers without an engine' };
  }
  const limits = Object.entries(probe.limits).map(([limit, held]) => `${limit} ${held}`);
  return { name, state: 'pass', detail: `${probe.file} (${limits.join(', ')})` };
}

async function checkPlace({ env, cwd, config }: MachineOptions): Promise<MachineCheck[]> {
  const path = findConfig({ named: config, env, cwd });
  const folder = stateFolder(path, cwd);
  const existing = existsSync(folder) ? folder : dirname(folder);
  return [
    path === undefined
      ? { name: 'config', state: 'note', detail: 'none found, so the defaults are used' }
      : await checkConfig(path),
    checkWritable(folder, existing),
    await checkDisk(existing),
  ];
}

async function checkConfig(path: string): Promise<MachineCheck> {
  const { loadConfig } = await import('../config/load-config.ts');
  try {
    await loadConfig(path);
    return { name: 'config', state: 'pass', detail: path };
  } catch (problem) {
    if (isAppError(problem)) return missing('config', problem);
    throw problem;
  }
}

function missing(name: string, { message, next }: AppError): MachineCheck {
  const detail = message.replace(/\s*\n\s*/g, '; ');
  return { name, state: 'miss', detail, ...(next === undefined ? {} : { next }) };
}

function checkWritable(folder: string, existing: string): MachineCheck {
  const name = 'state';
  try {
    accessSync(existing, constants.W_OK);
    const detail = existing === folder ? folder : `${folder}, made when it is first needed`;
    return { name, state: 'pass', detail };
  } catch {
    return { name, state: 'miss', detail: `${existing} cannot be written`, next: `make ${existing} writable` };
  }
}

async function checkDisk(folder: string): Promise<MachineCheck> {
  const { bavail, bsize } = await statfs(folder);
  const freeBytes = bavail * bsize;
  const detail = `${(freeBytes / 1024 ** 3).toFixed(1)} GiB free at ${folder}`;
  if (freeBytes >= lowDiskBytes) return { name: 'disk', state: 'pass', detail };
  return { name: 'disk', state: 'miss', detail, next: 'free some space: state and artifacts go there' };
}

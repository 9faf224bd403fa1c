import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, systemErrorCode } from '../contracts/errors.ts';
import type { DeploymentId, DispatchId } from '../contracts/ids.ts';
import type { Task } from '../contracts/task.ts';
import { readHostRoot } from './bubblewrap.ts';
import { probeSandbox, type SandboxProbe } from './bubblewrap-probe.ts';
import type { Compute, LogChunk, LogOptions, ProviderInfo, TaskExit, TaskHandle } from './compute.ts';
import { collectFolder } from './process-collect.ts';
import { taskFolder } from './process-folder.ts';
import { endLeftovers, removeTree } from './process-leftovers.ts';
import { readLogs } from './process-logs.ts';
import { readTaskRecord } from './process-record.ts';
import { closeStaging, type Staging, stagingOf } from './process-staging.ts';
import { startProcessTask } from './process-start.ts';
import { adoptTask, lookAtTask, type RunningTask } from './process-tasks.ts';
import { providerSummary } from './provider-summary.ts';

export interface ProcessComputeOptions {
  /** This deployment's folder for work, its own. Root keeps tasks elsewhere, under a name made from it. */
  readonly folder: string;
  /** The worker in one file; asked for each task. */
  readonly workerBundle: () => Promise<{ readonly bytes: Uint8Array; readonly digest: string }>;
  /** What this machine's sandbox can do. Default: `probeSandbox`, once. */
  readonly probe?: () => Promise<SandboxProbe>;
  /** Run tasks as they are where there is no sandbox. Default: false. */
  readonly allowUnsandboxed?: boolean;
  /** The Node binary that workers run. Default: this process's own. */
  readonly node?: string;
}

/** How long a worker gets at shutdown to end its subagent and keep what it made. */
const closeGraceMs = 4_000;

/** Runs tasks as processes in a sandbox, without an engine. They end with the process that started them. */
export class ProcessCompute implements Compute {
  readonly outlivesDaemon = false;
  readonly #options: Required<ProcessComputeOptions>;
  readonly #staging: Staging;
  readonly #tasks = new Map<DispatchId, Promise<RunningTask>>();
  #probed: Promise<SandboxProbe> | undefined;
  #isClosed = false;

  constructor(options: ProcessComputeOptions) {
    this.#options = { probe: probeSandbox, allowUnsandboxed: false, node: process.execPath, ...options };
    this.#staging = stagingOf(options.folder);
  }

  async start(task: Task, signal: AbortSignal): Promise<TaskHandle> {
    signal.throwIfAborted();
    const { dispatchId } = task.spec;
    const known = this.#tasks.get(dispatchId);
    if (known) return (await abortable(known, signal)).handle;
    if (this.#isClosed) throw new AppError('no-compute', 'Cannot start a task: this provider is closed');
    const starting = this.#start(task, signal);
    this.#tasks.set(dispatchId, starting);
    try {
      return (await starting).handle;
    } catch (error) {
      this.#tasks.delete(dispatchId);
      throw error;
    }
  }

  async wait(handle: TaskHandle, signal: AbortSignal): Promise<TaskExit> {
    const task = await this.#find(handle);
    if (!task) return { kind: 'lost', reason: 'its process ended with the daemon that started it' };
    return abortable(task.worker.exit, signal);
  }

  async *logs(handle: TaskHandle, options: LogOptions = {}): AsyncIterable<LogChunk> {
    const { folder, worker } = await this.#taskOf(handle);
    yield* readLogs(folder, options, { isOver: () => worker.hasEnded, over: worker.exit });
  }

  async *collect(handle: TaskHandle, maxBytes: number): AsyncIterable<Uint8Array> {
    const { folder } = await this.#taskOf(handle);
    yield* collectFolder(folder.out, maxBytes);
  }

  async stop(handle: TaskHandle, graceMs: number): Promise<void> {
    const task = await this.#find(handle);
    if (task) await this.#stop(task, graceMs);
  }

  async remove(handle: TaskHandle): Promise<void> {
    const task = await this.#find(handle);
    if (task) await this.#stop(task, 0);
    await removeTree(join(this.#staging.tasks, handle.dispatchId));
    this.#tasks.delete(handle.dispatchId);
    if (this.#isClosed) await closeStaging(this.#staging);
  }

  /** The tasks of all processes that work here, also of one that is gone: what those left has ended or is about to. */
  async list(deploymentId: DeploymentId): Promise<TaskHandle[]> {
    const adopted: TaskHandle[] = [];
    for (const name of await namesIn(this.#staging.tasks)) {
      if (this.#tasks.has(name as DispatchId)) continue;
      const folder = taskFolder(join(this.#staging.tasks, name));
      const found = await lookAtTask(folder);
      if (found.kind === 'known') adopted.push(found.handle);
      // Nobody can name it any more.
      if (found.kind === 'nameless') await removeTree(folder.root);
    }
    const own = (await this.#started()).map(({ handle }) => handle);
    return [...own, ...adopted].filter(({ owner }) => owner.deploymentId === deploymentId);
  }

  async describe(): Promise<ProviderInfo> {
    const [probe, { digest: image }] = await Promise.all([this.#probe(), this.#options.workerBundle()]);
    const limits = probe.kind === 'bubblewrap' ? probe.limits : unsandboxedLimits;
    const remark = probe.kind === 'bubblewrap' ? 'bubblewrap' : `no sandbox: ${probe.reason}`;
    return { summary: providerSummary('process', remark, limits), image, limits };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all((await this.#started()).map((task) => this.#stop(task, closeGraceMs)));
    await closeStaging(this.#staging);
  }

  /** A task whose start fails meanwhile is none; whoever started it is told why. */
  async #find({ dispatchId }: TaskHandle): Promise<RunningTask | undefined> {
    const own = this.#tasks.get(dispatchId);
    if (own !== undefined) return own.catch(() => undefined);
    return adoptTask(taskFolder(join(this.#staging.tasks, dispatchId)));
  }

  async #start(task: Task, signal: AbortSignal): Promise<RunningTask> {
    const probe = await abortable(this.#probe(), signal);
    const isAllowed = this.#options.allowUnsandboxed || task.allowUnsandboxed === true;
    if (probe.kind === 'none' && !isAllowed) throw noSandbox(probe.reason);
    const bundle = await this.#options.workerBundle();
    const folder = taskFolder(join(this.#staging.tasks, task.spec.dispatchId));
    const sandbox = probe.kind === 'none' ? undefined : { bubblewrap: probe.file, host: await readHostRoot() };
    const { node } = this.#options;
    const worker = await startProcessTask(task, { folder, staging: this.#staging, bundle, node, sandbox, signal });
    const { dispatchId } = task.spec;
    return { handle: { dispatchId, owner: task.owner, providerId: folder.root, image: bundle.digest }, folder, worker };
  }

  async #started(): Promise<RunningTask[]> {
    const tasks = await Promise.allSettled(this.#tasks.values());
    return tasks.flatMap((task) => (task.status === 'fulfilled' ? [task.value] : []));
  }

  async #stop({ handle, folder, worker }: RunningTask, graceMs: number): Promise<void> {
    await worker.stop(graceMs);
    // Always: a supervisor may have broken off, and where there is no sandbox processes can hide from it.
    await endLeftovers(handle.dispatchId, await readTaskRecord(folder.record));
  }

  async #taskOf(handle: TaskHandle): Promise<RunningTask> {
    const task = await this.#find(handle);
    if (task) return task;
    throw new AppError('not-found', `Cannot read task "${handle.dispatchId}": it is not here any more`);
  }

  #probe(): Promise<SandboxProbe> {
    this.#probed ??= this.#options.probe();
    return this.#probed;
  }
}

const unsandboxedLimits: ProviderInfo['limits'] = {
  cpus: 'not-enforced',
  memory: 'not-enforced',
  pids: 'not-enforced',
  disk: 'partly',
  network: 'not-enforced',
  files: 'not-enforced',
};

function noSandbox(reason: string): AppError {
  return new AppError('no-compute', `Cannot run tasks as processes: ${reason}`, {
    next: 'Install bubblewrap or start a Docker engine; --allow-unsandboxed runs tasks with no protection at all.',
  });
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

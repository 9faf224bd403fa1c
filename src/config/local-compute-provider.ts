import { mkdir, readFile, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { writeFileAtomically } from '../base/atomic-file.ts';
import type {
  Compute,
  DescribeOptions,
  LogOptions,
  ProviderInfo,
  Shell,
  ShellOptions,
  TaskExit,
  TaskHandle,
} from '../compute/compute.ts';
import { AppError, isAppError, systemErrorCode } from '../contracts/errors.ts';
import type { DeploymentId, DispatchId } from '../contracts/ids.ts';
import type { Task } from '../contracts/task.ts';
import { describeEndpoint, isOfAnotherMachine, resolveEngineEndpoint } from '../engine/endpoint.ts';
import { engineAnswers, LocalDockerProvider } from './local-docker-provider.ts';
import { LocalProcessProvider } from './local-process-provider.ts';

export interface LocalComputeProviderOptions {
  /** The project's state folder (`.agora`). */
  readonly stateFolder: string;
}

/**
 * Runs work on this machine: in Docker when an engine answers, else as sandboxed processes. It chooses at first use. An
 * engine that may still hold workers of an earlier daemon is waited for: `work/engine` names it until they are removed.
 */
export class LocalComputeProvider implements Compute {
  readonly #options: LocalComputeProviderOptions;
  readonly #engineMark: string;
  /** Tasks in the engine that were not removed yet. */
  readonly #inEngine = new Set<DispatchId>();
  #chosen: Promise<Compute> | undefined;
  #engine: string | undefined;

  constructor(options: LocalComputeProviderOptions) {
    this.#options = options;
    this.#engineMark = join(options.stateFolder, 'work', 'engine');
  }

  get outlivesDaemon(): boolean {
    return this.#engine !== undefined;
  }

  async start(task: Task, signal: AbortSignal): Promise<TaskHandle> {
    const chosen = await this.#choose();
    if (this.#engine === undefined) return chosen.start(task, signal);
    await this.#mark(task.spec.dispatchId, this.#engine);
    try {
      return await chosen.start(task, signal);
    } catch (error) {
      // Only an engine that went away may hold it nevertheless.
      if (!isAppError(error, 'unreachable') && !signal.aborted) this.#inEngine.delete(task.spec.dispatchId);
      throw error;
    }
  }

  async wait(handle: TaskHandle, signal: AbortSignal, onBreak?: (error: unknown) => void): Promise<TaskExit> {
    return (await this.#choose()).wait(handle, signal, onBreak);
  }

  async *logs(handle: TaskHandle, options?: LogOptions) {
    yield* (await this.#choose()).logs(handle, options);
  }

  async *collect(handle: TaskHandle, maxBytes: number) {
    yield* (await this.#choose()).collect(handle, maxBytes);
  }

  async stop(handle: TaskHandle, graceMs: number): Promise<void> {
    await (await this.#choose()).stop(handle, graceMs);
  }

  async remove(handle: TaskHandle): Promise<void> {
    await (await this.#choose()).remove(handle);
    this.#inEngine.delete(handle.dispatchId);
  }

  async list(deploymentId: DeploymentId): Promise<TaskHandle[]> {
    const handles = await (await this.#choose()).list(deploymentId);
    if (this.#engine !== undefined) for (const handle of handles) this.#inEngine.add(handle.dispatchId);
    return handles;
  }

  async describe(options?: DescribeOptions): Promise<ProviderInfo> {
    return (await this.#choose()).describe(options);
  }

  async shell(handle: TaskHandle, options: ShellOptions): Promise<Shell> {
    const chosen = await this.#choose();
    if (chosen.shell !== undefined) return chosen.shell(handle, options);
    throw new AppError(
      'refused',
      `Cannot open a shell into "${handle.dispatchId}": tasks run as processes here, and there is no way into their sandbox`,
      { next: `See what it does: agora dispatch logs ${handle.dispatchId} -f` },
    );
  }

  async close(): Promise<void> {
    const chosen = await this.#chosen?.catch(() => undefined);
    await chosen?.close();
    if (this.#engine !== undefined && this.#inEngine.size === 0) await rm(this.#engineMark, { force: true });
  }

  async #mark(dispatchId: DispatchId, engine: string): Promise<void> {
    const isFirst = this.#inEngine.size === 0;
    this.#inEngine.add(dispatchId);
    if (!isFirst) return;
    await mkdir(dirname(this.#engineMark), { recursive: true, mode: 0o700 });
    await writeFileAtomically(this.#engineMark, `${engine}\n`);
  }

  #choose(): Promise<Compute> {
    this.#chosen ??= this.#chooseOnce().catch((error: unknown) => {
      this.#chosen = undefined;
      throw error;
    });
    return this.#chosen;
  }

  async #chooseOnce(): Promise<Compute> {
    const { stateFolder } = this.#options;
    const endpoint = await resolveEngineEndpoint({ env: process.env, homeDirectory: homedir() });
    // Who names another machine does not mean this one: what keeps it from answering is told by the first call.
    if (endpoint !== undefined && (isOfAnotherMachine(endpoint) || (await engineAnswers(endpoint)))) {
      this.#engine = describeEndpoint(endpoint);
      return new LocalDockerProvider();
    }
    const earlier = await readMark(this.#engineMark);
    if (earlier !== undefined) throw engineGone(earlier, this.#engineMark);
    return new LocalProcessProvider({ stateFolder });
  }
}

/** The engine an earlier daemon used and did not leave empty. */
async function readMark(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function engineGone(place: string, mark: string): AppError {
  return new AppError('unreachable', `Cannot reach engine ${place}, where workers of an earlier daemon may still run`, {
    next: `Start that engine again; if it is gone for good, remove ${mark}`,
  });
}

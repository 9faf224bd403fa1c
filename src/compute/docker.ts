import { retry } from '../base/retry.ts';
import { Stopwatch } from '../base/stopwatch.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { DeploymentId, DispatchId } from '../contracts/ids.ts';
import { containerLabels, workerPaths } from '../contracts/names.ts';
import type { RuntimeName } from '../contracts/subagent.ts';
import type { Task } from '../contracts/task.ts';
import type { ByteStream, ContainerState, Engine } from '../engine/engine.ts';
import type {
  Compute,
  DescribeOptions,
  LogChunk,
  LogOptions,
  ProviderInfo,
  Shell,
  ShellOptions,
  TaskExit,
  TaskHandle,
} from './compute.ts';
import { claimContainer, removeContainer } from './docker-claim.ts';
import { containerSpec, handleOf } from './docker-container.ts';
import { exitOf } from './docker-exit.ts';
import { followedLog } from './docker-followed-log.ts';
import { withoutSealedLines } from './docker-logs.ts';
import { networkOf } from './docker-network.ts';
import { toldReport } from './docker-report.ts';
import { SharedStarts } from './docker-shared-start.ts';
import { openDockerShell } from './docker-shell.ts';
import { handOver, stdinOf } from './docker-stdin.ts';
import { providerSummary } from './provider-summary.ts';

/** What an image is wanted for. */
export interface ImageWish {
  readonly runtime: RuntimeName;
  /** The one a caller named, to be checked and used instead of the provider's own. */
  readonly reference?: string | undefined;
  readonly onProgress?: ((line: string) => void) | undefined;
}

export interface DockerComputeOptions {
  readonly engine: () => Promise<Engine>;
  /** The image to run, an id or a reference; asked for each task. It may be made first, with lines about that. */
  readonly image: (wish: ImageWish) => Promise<string>;
  /** Longest wait between two tries to reach an engine that went away. Default: 2000. */
  readonly maxRetryDelayMs?: number;
}

const defaults = { maxRetryDelayMs: 2_000 } satisfies Partial<DockerComputeOptions>;

/** Runs tasks as hardened containers of an engine. They go on while the daemon is away. */
export class DockerCompute implements Compute {
  readonly outlivesDaemon = true;
  readonly #options: Required<DockerComputeOptions>;
  readonly #starts = new SharedStarts<DispatchId, TaskHandle>();
  /** Of the tasks this process started. What another started is collected without. */
  readonly #reportKeys = new Map<string, Uint8Array>();

  constructor(options: DockerComputeOptions) {
    this.#options = { ...defaults, ...options };
  }

  async start(task: Task, signal: AbortSignal): Promise<TaskHandle> {
    const { dispatchId } = task.spec;
    // A second call must find the first one's container started, not take it for a half-made one.
    return this.#starts.run(dispatchId, signal, (shared) => this.#start(task, shared));
  }

  async wait(handle: TaskHandle, signal: AbortSignal, onBreak?: (error: unknown) => void): Promise<TaskExit> {
    const isRetryable = (error: unknown) => {
      onBreak?.(error);
      return true;
    };
    const maxDelayMs = this.#options.maxRetryDelayMs;
    return retry(() => this.#waitOnce(handle, signal), { signal, delayMs: 50, maxDelayMs, isRetryable });
  }

  async *logs(handle: TaskHandle, options: LogOptions = {}): AsyncIterable<LogChunk> {
    const engine = await this.#options.engine();
    const open = (wish: LogOptions) => engine.logs(handle.providerId, { follow: false, ...wish });
    const { maxRetryDelayMs: maxDelayMs } = this.#options;
    yield* withoutSealedLines(options.follow === true ? followedLog(open, options, maxDelayMs) : open(options));
  }

  async *collect(handle: TaskHandle, maxBytes: number): AsyncIterable<Uint8Array> {
    let collected = 0;
    for await (const chunk of await this.#leftBehind(handle)) {
      collected += chunk.length;
      if (collected > maxBytes) {
        throw new AppError(
          'limit-exceeded',
          `Cannot collect task "${handle.dispatchId}": it left more than ${maxBytes} bytes`,
        );
      }
      yield chunk;
    }
  }

  async shell(handle: TaskHandle, options: ShellOptions): Promise<Shell> {
    return openDockerShell(await this.#options.engine(), handle, options);
  }

  async stop(handle: TaskHandle, graceMs: number): Promise<void> {
    const engine = await this.#options.engine();
    await engine.stopContainer(handle.providerId, graceMs);
  }

  async remove(handle: TaskHandle): Promise<void> {
    const engine = await this.#options.engine();
    await removeContainer(engine, handle.providerId);
    this.#reportKeys.delete(handle.providerId);
  }

  async list(deploymentId: DeploymentId): Promise<TaskHandle[]> {
    const engine = await this.#options.engine();
    const containers = await engine.listContainers({ [containerLabels.deployment]: deploymentId });
    return containers.flatMap((container) => handleOf(container) ?? []);
  }

  async describe({ runtime = 'command', onProgress }: DescribeOptions = {}): Promise<ProviderInfo> {
    const [engine, image] = await Promise.all([this.#options.engine(), this.#options.image({ runtime, onProgress })]);
    const { hasCpuLimit, hasMemoryLimit, hasPidsLimit } = await engine.information();
    const held = (has: boolean) => (has ? 'enforced' : 'not-enforced');
    const limits = {
      cpus: held(hasCpuLimit),
      memory: held(hasMemoryLimit),
      pids: held(hasPidsLimit),
      // The supervisor measures it, so a burst may pass it for a moment.
      disk: 'partly',
      network: 'enforced',
      files: 'enforced',
    } as const;
    return { summary: providerSummary(`docker ${engine.address}`, undefined, limits), image, limits };
  }

  /** Nothing to do: containers outlive the daemon, and no connection is kept. */
  async close(): Promise<void> {}

  async #start(task: Task, signal: AbortSignal): Promise<TaskHandle> {
    const watch = new Stopwatch();
    const { engine: connect, image: imageOf } = this.#options;
    const [engine, image, stdin] = await Promise.all([connect(), imageOf(wishOf(task)), stdinOf(task)]);
    const network = await networkOf(engine, task.spec);
    watch.lap('read');
    const claim = await claimContainer(engine, containerSpec(task, image, network), signal);
    watch.lap('create');
    if (claim.kind === 'existing') return existingHandle(claim.state, task);
    try {
      signal.throwIfAborted();
      await handOver(engine, claim.id, { task, stdin, signal });
      watch.lap('inputs');
      await engine.startContainer(claim.id, signal);
      watch.lap('start');
      this.#reportKeys.set(claim.id, stdin.reportKey);
      const imageId = image.startsWith('sha256:') ? image : (await engine.inspectContainer(claim.id))?.imageId;
      const { dispatchId } = task.spec;
      return { dispatchId, owner: task.owner, providerId: claim.id, image: imageId ?? image, timings: watch.laps };
    } catch (error) {
      // Best effort: what cannot be removed now is found by its label, and made again by the next start.
      await removeContainer(engine, claim.id).catch(() => undefined);
      throw error;
    }
  }

  async #leftBehind({ providerId }: TaskHandle): Promise<ByteStream> {
    const engine = await this.#options.engine();
    const key = this.#reportKeys.get(providerId);
    const told = key === undefined ? undefined : await toldReport(engine, providerId, key);
    // With `/.` the names in the tar are relative to the folder.
    return told ?? engine.getArchive(providerId, `${workerPaths.out}/.`);
  }

  async #waitOnce(handle: TaskHandle, signal: AbortSignal): Promise<TaskExit> {
    const engine = await this.#options.engine();
    try {
      const exitCode = await engine.waitContainer(handle.providerId, signal);
      // What this process started did run, and then 0 says all; of another's it may never have been started.
      if (exitCode === 0 && this.#reportKeys.has(handle.providerId))
        return { kind: 'exited', exitCode, isOutOfMemory: false };
      const state = await engine.inspectContainer(handle.providerId, signal);
      if (state === undefined) return gone;
      const exit = exitOf(state);
      if (exit === undefined)
        throw new AppError('not-ready', `Cannot tell how "${handle.dispatchId}" ended: it still runs`);
      return exit;
    } catch (error) {
      if (isAppError(error, 'not-found')) return gone;
      throw error;
    }
  }
}

const gone: TaskExit = { kind: 'lost', reason: 'its container is gone' };

function wishOf({ spec, image }: Task): ImageWish {
  return { runtime: spec.agent.runtime, reference: image };
}

function existingHandle({ id, imageId }: ContainerState, { spec, owner }: Task): TaskHandle {
  return { dispatchId: spec.dispatchId, owner, providerId: id, image: imageId };
}

import type { DeploymentId, DispatchId } from '../contracts/ids.ts';
import type { Task, TaskOwner } from '../contracts/task.ts';

/** A started task. Survives the process that started it where the provider can (`outlivesDaemon`). */
export interface TaskHandle {
  readonly dispatchId: DispatchId;
  readonly owner: TaskOwner;
  /** The provider's own name of it: a container id, a process folder. */
  readonly providerId: string;
  /** What it really runs: an image id (`sha256:…`), or the worker's digest for a process. */
  readonly image: string;
}

export type TaskExit =
  /** The supervisor ended; its result file says how the work went. */
  | { readonly kind: 'exited'; readonly exitCode: number; readonly isOutOfMemory: boolean }
  /** The provider no longer has it, or it ended without the supervisor's doing. */
  | { readonly kind: 'lost'; readonly reason: string };

export interface LogChunk {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Uint8Array;
}

export interface LogOptions {
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

/** Which of a task's limits the provider enforces, and how. */
export interface ProviderInfo {
  /** `docker unix:///var/run/docker.sock`, `process (bubblewrap)`, … */
  readonly summary: string;
  /** The image or worker digest a task started now would run. */
  readonly image: string;
  readonly limits: Readonly<
    Record<'cpus' | 'memory' | 'pids' | 'disk' | 'network' | 'files', 'enforced' | 'partly' | 'not-enforced'>
  >;
}

/**
 * Runs one task, wherever. A task is handed its inputs, runs under the
 * limits of its spec, and leaves a tar of `/agora/out`. Nothing of it remains after `remove`.
 * Failures raised: `unreachable` (try again later), `image-missing`, `no-compute`, `artifact-mismatch`,
 * `limit-exceeded` (the collected tar passed its size), `task-conflict`, `not-found`.
 */
export interface Compute {
  /** True when a task goes on while the daemon is away. */
  readonly outlivesDaemon: boolean;
  /** Idempotent by `task.spec.dispatchId`: a second call returns the task that is there. */
  start(task: Task, signal: AbortSignal): Promise<TaskHandle>;
  /** Waits through engine restarts until the task ended or is known to be lost. Rejects only when aborted. */
  wait(handle: TaskHandle, signal: AbortSignal): Promise<TaskExit>;
  logs(handle: TaskHandle, options?: LogOptions): AsyncIterable<LogChunk>;
  /** Tar of what the supervisor left in `/agora/out`, at most `maxBytes`. */
  collect(handle: TaskHandle, maxBytes: number): AsyncIterable<Uint8Array>;
  /** SIGTERM, and SIGKILL after the grace. Resolves once it no longer runs; fine if it already ended. */
  stop(handle: TaskHandle, graceMs: number): Promise<void>;
  /** Removes every trace, volumes included; fine if it is already gone. */
  remove(handle: TaskHandle): Promise<void>;
  /** This deployment's tasks that are there, running or ended. */
  list(deploymentId: DeploymentId): Promise<TaskHandle[]>;
  /** Makes ready what its first task needs, such as an image; `onProgress` gets lines about that. */
  describe(onProgress?: (line: string) => void): Promise<ProviderInfo>;
  /** Stops what does not outlive the daemon; called once at shutdown. */
  close(): Promise<void>;
}

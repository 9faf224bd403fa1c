import type { DeploymentId, DispatchId } from '../contracts/ids.ts';
import type { RuntimeName } from '../contracts/subagent.ts';
import type { Task, TaskOwner } from '../contracts/task.ts';

/** A started task. Survives the process that started it where the provider can (`outlivesDaemon`). */
export interface TaskHandle {
  readonly dispatchId: DispatchId;
  readonly owner: TaskOwner;
  /** The provider's own name of it: a container id, a process folder. */
  readonly providerId: string;
  /** What it really runs: an image id (`sha256:…`), or the worker's digest for a process. */
  readonly image: string;
  /** What the stages of its start took, by name, in milliseconds; only from the `start` that made it. */
  readonly timings?: Readonly<Record<string, number>>;
}

export type TaskExit =
  /** The supervisor ended; its result file says how the work went. */
  | { readonly kind: 'exited'; readonly exitCode: number; readonly isOutOfMemory: boolean }
  /** The provider no longer has it, or it ended without the supervisor's doing. */
  | { readonly kind: 'lost'; readonly reason: string };

export interface LogChunk {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Uint8Array;
  /** When it was written, ISO 8601, where the provider knows; asked for with `timestamps`. */
  readonly at?: string;
}

export interface LogOptions {
  readonly follow?: boolean;
  /** Ask for `at`; a chunk is then one line or less. Default: false. */
  readonly timestamps?: boolean;
  /** Only what was written at or after this time, ISO 8601. */
  readonly since?: string;
  /** Only this many lines before the end, and what follows. */
  readonly tail?: number;
  readonly signal?: AbortSignal;
}

/** Which of a task's limits the provider enforces, and how. */
export interface ProviderInfo {
  /** `docker unix:///var/run/docker.sock`, `process (bubblewrap; not held: cpus, memory)`, … */
  readonly summary: string;
  /** The image or worker digest a task started now would run. */
  readonly image: string;
  readonly limits: Readonly<
    Record<'cpus' | 'memory' | 'pids' | 'disk' | 'network' | 'files', 'enforced' | 'partly' | 'not-enforced'>
  >;
}

export interface DescribeOptions {
  /** What will be run. Default: `command`. */
  readonly runtime?: RuntimeName;
  /** Gets lines about what is made ready. */
  readonly onProgress?: (line: string) => void;
}

export interface ShellOptions {
  readonly columns: number;
  readonly rows: number;
  /** Left in `/agora/out/shells` before the shell starts, so that whoever collects the task knows of it. */
  readonly note: { readonly name: string; readonly text: string };
  readonly signal?: AbortSignal;
}

/** A terminal in a task's worktree, as the subagent's user. */
export interface Shell {
  /** What the terminal shows; ends when the shell or its task does. */
  readonly output: AsyncIterable<Uint8Array>;
  write(bytes: Uint8Array): Promise<void>;
  resize(columns: number, rows: number): Promise<void>;
  /** Its exit code, 137 when it went with its task; `not-ready` when it goes on: after `close`, or when its connection broke. */
  readonly exited: Promise<number>;
  /** Leaves it; it goes on. */
  close(): Promise<void>;
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
  /** Variables of every task it is given, below all others; they are recorded with what each ran. Default: none. */
  readonly extraEnv?: Readonly<Record<string, string>>;
  /** Idempotent by `task.spec.dispatchId`: a second call returns the task that is there. */
  start(task: Task, signal: AbortSignal): Promise<TaskHandle>;
  /**
   * Waits through engine restarts until the task ended or is known to be lost. Rejects only when aborted. `onBreak` is
   * told what keeps it from knowing, each time that it tries in vain.
   */
  wait(handle: TaskHandle, signal: AbortSignal, onBreak?: (error: unknown) => void): Promise<TaskExit>;
  /** Also of a task that another process started. A follower goes on after a break where it was. */
  logs(handle: TaskHandle, options?: LogOptions): AsyncIterable<LogChunk>;
  /** Tar of what the supervisor left in `/agora/out`, at most `maxBytes`. */
  collect(handle: TaskHandle, maxBytes: number): AsyncIterable<Uint8Array>;
  /** SIGTERM, and SIGKILL after the grace. Resolves once it no longer runs; fine if it already ended. */
  stop(handle: TaskHandle, graceMs: number): Promise<void>;
  /** Removes every trace, volumes included; fine if it is already gone. */
  remove(handle: TaskHandle): Promise<void>;
  /** This deployment's tasks that are there, running or ended. */
  list(deploymentId: DeploymentId): Promise<TaskHandle[]>;
  /** Makes ready what its first task needs, such as an image. */
  describe(options?: DescribeOptions): Promise<ProviderInfo>;
  /** Opens a shell into a running task; `not-found` when it does not run. Absent: the provider has no way in. */
  shell?(handle: TaskHandle, options: ShellOptions): Promise<Shell>;
  /** Stops what does not outlive the daemon; called once at shutdown. */
  close(): Promise<void>;
}

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { retry } from '../base/retry.ts';
import type { Declarations } from '../contracts/declarations.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { DeploymentId, DispatchId, RunId } from '../contracts/ids.ts';
import type { Manifest } from '../contracts/manifest.ts';
import { requestOf } from './attempt-request.ts';
import type { ItemNode, RunBoard } from './board.ts';
import type {
  AttemptOutcome,
  AttemptRequest,
  AttemptSignals,
  ExecutedAttempt,
  Executor,
  RunExecution,
} from './executor.ts';
import type { FiredAttempt } from './turn.ts';

/** How long after `detach` workers may take to end and to be collected: the daemon has promised to be gone in five seconds. */
const expiresAfterMs = 4_000;

const reopenMs = { first: 500, longest: 5_000 };

export interface AttemptsOptions {
  readonly executors: Readonly<Record<string, Executor>>;
  readonly deploymentId: DeploymentId;
  readonly declarations: Declarations;
  readonly allowUnsandboxed: boolean;
  /** Each live run has a folder of its own below it. */
  readonly workFolder: string;
  readonly onLine: (line: string) => void;
}

export interface Launch {
  readonly dispatchId: DispatchId;
  /** An earlier daemon fired it. */
  readonly isResumed: boolean;
  readonly fired?: FiredAttempt;
}

export interface AttemptTold {
  /** With what it waits for, and undefined once it goes on. */
  readonly onWaiting: (reason: string | undefined) => void;
  readonly onEnd: (ended: ExecutedAttempt) => void;
}

/** The work under way outside the loop: executors opened for runs, and attempts being executed. */
export class Attempts {
  readonly #options: AttemptsOptions;
  readonly #executions = new Map<RunId, ReadonlyMap<string, RunExecution>>();
  readonly #stops = new Map<DispatchId, AbortController>();
  readonly #underWay = new Set<Promise<void>>();
  readonly #detach = new AbortController();
  readonly #expired = new AbortController();
  readonly #swept = new Map<string, Promise<void>>();
  #recovered: ReadonlySet<DispatchId> = new Set();

  constructor(options: AttemptsOptions) {
    this.#options = options;
  }

  /** Attempts an earlier daemon left running; whatever else it left is swept before anything starts. */
  recover(live: Iterable<DispatchId>): void {
    this.#recovered = new Set(live);
  }

  isOpen(runId: RunId): boolean {
    return this.#executions.has(runId);
  }

  /** Resolves what the run needs, trying until it is there, and says why it waits meanwhile. */
  open(run: RunBoard, told: { readonly onOpen: () => void; readonly onHeld: (reason: string) => void }): void {
    if (this.isOpen(run.runId)) {
      told.onOpen();
      return;
    }
    const isRetryable = (error: unknown): boolean => {
      told.onHeld(describe(error));
      return true;
    };
    const { first: delayMs, longest: maxDelayMs } = reopenMs;
    const opening = retry(() => this.#openOnce(run), {
      signal: this.#detach.signal,
      delayMs,
      maxDelayMs,
      isRetryable,
    }).then(
      (executions) => {
        this.#executions.set(run.runId, executions);
        told.onOpen();
      },
      // Only the daemon's end rejects this; the next one opens the run again.
      () => undefined,
    );
    this.#track(opening);
  }

  manifest(runId: RunId, request: AttemptRequest): Manifest {
    return this.#executionOf(runId, request.item.executor).manifest(request);
  }

  /** Executes an attempt and hands over its outcome, unless the daemon left it running. */
  launch(node: ItemNode, launch: Launch, told: AttemptTold): void {
    if (this.#stops.has(launch.dispatchId)) return;
    const stop = new AbortController();
    if (node.isCancelling || node.run.cancelledBy !== undefined) stop.abort();
    this.#stops.set(launch.dispatchId, stop);
    const work = this.#execute(node, launch, { stop: stop.signal, onWaiting: told.onWaiting }).then((ended) => {
      this.#stops.delete(launch.dispatchId);
      if (ended !== undefined) told.onEnd(ended);
    });
    this.#track(work);
  }

  stop(dispatchId: DispatchId): void {
    this.#stops.get(dispatchId)?.abort();
  }

  /** Removes a worker whose outcome is committed. A failure leaves it to the next daemon's sweep. */
  release(ended: ExecutedAttempt): void {
    if (ended.release === undefined) return;
    const onProblem = (error: unknown) => this.#options.onLine(`Cannot remove a worker: ${describe(error)}`);
    this.#track(ended.release().catch(onProblem));
  }

  /** The run is over: its folder goes. */
  forget(runId: RunId): void {
    this.#executions.delete(runId);
    const onProblem = (error: unknown) =>
      this.#options.onLine(`Cannot remove the work folder of "${runId}": ${describe(error)}`);
    this.#track(rm(this.#workFolderOf(runId), { recursive: true, force: true }).catch(onProblem));
  }

  /** Leaves or stops everything, whichever its provider does; resolves when nothing is under way. */
  async detach(reason: 'leave' | 'stop'): Promise<void> {
    const timer = setTimeout(() => this.#expired.abort(), expiresAfterMs);
    this.#detach.abort(reason);
    await this.settled();
    clearTimeout(timer);
  }

  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  async #openOnce(run: RunBoard): Promise<ReadonlyMap<string, RunExecution>> {
    const executions = new Map<string, RunExecution>();
    const { queue } = run.plan;
    if (this.#options.declarations.queues[queue] === undefined) {
      throw new AppError('unknown-name', `Cannot run "${run.runId}": this config has no queue "${queue}" any more`);
    }
    for (const name of new Set(run.plan.items.map((item) => item.executor))) {
      const executor = this.#options.executors[name];
      if (executor === undefined)
        throw new AppError('unknown-name', `Cannot run "${run.runId}": this config has no executor "${name}"`);
      await this.#sweep(name, executor);
      const { runId, plan, actor, source, enforceLocks } = run;
      const { declarations, deploymentId, allowUnsandboxed, onLine } = this.#options;
      const workFolder = this.#workFolderOf(runId);
      const opened = {
        deploymentId,
        runId,
        plan,
        actor,
        source,
        enforceLocks,
        declarations,
        allowUnsandboxed,
        workFolder,
        onLine,
      };
      executions.set(name, await executor.open(opened, this.#detach.signal));
    }
    return executions;
  }

  /** Once per executor, before its first attempt: nothing of an earlier daemon may run beside what we start. */
  #sweep(name: string, executor: Executor): Promise<void> {
    const known = this.#swept.get(name);
    if (known !== undefined) return known;
    const sweep = executor.sweep(this.#options.deploymentId, this.#recovered);
    this.#swept.set(name, sweep);
    sweep.catch(() => this.#swept.delete(name));
    return sweep;
  }

  async #execute(
    node: ItemNode,
    launch: Launch,
    own: Pick<AttemptSignals, 'stop' | 'onWaiting'>,
  ): Promise<ExecutedAttempt | undefined> {
    const startedAt = performance.now();
    try {
      const execution = this.#executionOf(node.run.runId, node.plan.executor);
      const request = launch.fired?.request ?? requestOf(node, launch.dispatchId);
      const manifest = launch.fired?.manifest ?? execution.manifest(request);
      const signals = { ...own, detach: this.#detach.signal, expired: this.#expired.signal };
      return await execution.execute(request, { manifest, isResumed: launch.isResumed }, signals);
    } catch (error) {
      return { outcome: unexpectedOutcome(error, performance.now() - startedAt) };
    }
  }

  #workFolderOf(runId: RunId): string {
    return join(this.#options.workFolder, runId);
  }

  #executionOf(runId: RunId, executor: string): RunExecution {
    const execution = this.#executions.get(runId)?.get(executor);
    if (execution === undefined)
      throw new AppError('internal', `Cannot run items of "${runId}": executor "${executor}" is not open`);
    return execution;
  }

  #track(work: Promise<void>): void {
    this.#underWay.add(work);
    void work.finally(() => this.#underWay.delete(work)); // Awaited through `settled`.
  }
}

/** An executor turns what it expects into outcomes; what gets here is refused with its reason, never lost. */
function unexpectedOutcome(error: unknown, durationMs: number): AttemptOutcome {
  const message = describe(error);
  const code = isAppError(error, 'artifact-mismatch') ? 'integrity' : 'refused';
  return { outcome: 'failed', code, message: message.slice(0, 1024), durationMs, artifacts: [] };
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

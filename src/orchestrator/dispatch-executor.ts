import type { Compute } from '../compute/compute.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { DeploymentId, Digest, DispatchId } from '../contracts/ids.ts';
import { defaultExecutorName, defaultTargetName } from '../contracts/names.ts';
import type { FailureCode } from '../contracts/run.ts';
import type { Subagent } from '../contracts/subagent.ts';
import { registerSubagent } from '../registry/subagents.ts';
import type { Storage } from '../storage/storage.ts';
import { DispatchExecution, type OpenedTarget } from './dispatch-execution.ts';
import type { Executor, ExecutorRun, RunExecution } from './executor.ts';
import { refusingExecution } from './refusing-execution.ts';

/** What a dispatch executor needs of an `AgoraClient`. */
export interface DispatchClient {
  readonly namespace: string;
  readonly storage: Storage;
  readonly targets: readonly string[];
  computeOf(target: string): Compute;
}

export interface DispatchExecutorOptions {
  readonly client: DispatchClient;
  /** Where items run that name no target. Default: `local`. */
  readonly target?: string;
}

/** Runs each item as one dispatch: one worker, in a container or a sandbox of its own. */
export class DispatchExecutor implements Executor {
  readonly #client: DispatchClient;
  readonly #target: string;

  constructor(options: DispatchExecutorOptions) {
    this.#client = options.client;
    this.#target = options.target ?? defaultTargetName;
    this.#client.computeOf(this.#target);
  }

  async describe(): Promise<string> {
    try {
      return (await this.#client.computeOf(this.#target).describe()).summary;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  async open(run: ExecutorRun): Promise<RunExecution> {
    try {
      const targets = await this.#openTargets(run);
      const subagents = await this.#registerSubagents(run);
      const { namespace, storage } = this.#client;
      return new DispatchExecution({ run, namespace, storage, targets, subagents, target: this.#target });
    } catch (error) {
      const code = permanentFailure(error);
      if (code === undefined) throw error;
      return refusingExecution(run, code, error instanceof Error ? error.message : String(error));
    }
  }

  async sweep(deploymentId: DeploymentId, live: ReadonlySet<DispatchId>): Promise<void> {
    for (const compute of new Set(this.#client.targets.map((name) => this.#client.computeOf(name)))) {
      for (const handle of await compute.list(deploymentId)) {
        if (live.has(handle.dispatchId)) continue;
        await compute.stop(handle, 0);
        await compute.remove(handle);
      }
    }
  }

  async close(): Promise<void> {
    for (const compute of new Set(this.#client.targets.map((name) => this.#client.computeOf(name))))
      await compute.close();
  }

  async #openTargets(run: ExecutorRun): Promise<ReadonlyMap<string, OpenedTarget>> {
    const names = new Set(dispatchItems(run).map((item) => item.target ?? this.#target));
    const opened = new Map<string, OpenedTarget>();
    for (const name of names) {
      const compute = this.#client.computeOf(name);
      opened.set(name, { compute, info: await compute.describe() });
    }
    return opened;
  }

  async #registerSubagents(
    run: ExecutorRun,
  ): Promise<ReadonlyMap<string, { readonly subagent: Subagent; readonly digest: Digest }>> {
    const registered = new Map<string, { readonly subagent: Subagent; readonly digest: Digest }>();
    for (const name of new Set(dispatchItems(run).map((item) => String(item.inputs['subagent'])))) {
      const subagent = run.declarations.subagents[name];
      if (subagent === undefined)
        throw new AppError('unknown-name', `Cannot run "${run.runId}": no subagent "${name}" is declared`);
      const { digest } = await registerSubagent(this.#client.storage, this.#client.namespace, subagent);
      registered.set(name, { subagent, digest });
    }
    return registered;
  }
}

function dispatchItems(run: ExecutorRun) {
  return run.plan.items.filter(
    (item) => item.executor === defaultExecutorName || typeof item.inputs['subagent'] === 'string',
  );
}

/** The failure an attempt shows when waiting would not help; undefined when a started engine or a corrected config might. */
function permanentFailure(error: unknown): FailureCode | undefined {
  if (isAppError(error, 'image-missing')) return 'image-missing';
  if (['unreachable', 'disk-full', 'unknown-name'].some((code) => isAppError(error) && error.code === code))
    return undefined;
  return isAppError(error) ? 'refused' : undefined;
}

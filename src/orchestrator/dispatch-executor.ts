import { AppError, isAppError } from '../contracts/errors.ts';
import type { DeploymentId, Digest, DispatchId } from '../contracts/ids.ts';
import { defaultExecutorName, defaultTargetName } from '../contracts/names.ts';
import type { FailureCode } from '../contracts/run.ts';
import type { Subagent } from '../contracts/subagent.ts';
import { closeTargets, type DispatchClient, openTargets, sweepTargets } from '../dispatch/targets.ts';
import { registerSubagent } from '../registry/subagents.ts';
import { DispatchExecution } from './dispatch-execution.ts';
import type { Executor, ExecutorRun, RunExecution } from './executor.ts';
import { refusingExecution } from './refusing-execution.ts';

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

  get targets(): readonly string[] {
    return this.#client.targets;
  }

  async describe(onProgress: (line: string) => void): Promise<string> {
    try {
      return (await this.#client.computeOf(this.#target).describe({ onProgress })).summary;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  async open(run: ExecutorRun): Promise<RunExecution> {
    try {
      const names = dispatchItems(run).map((item) => item.target ?? this.#target);
      const targets = await openTargets(this.#client, names);
      const subagents = await this.#registerSubagents(run);
      const { namespace, storage } = this.#client;
      return new DispatchExecution({ run, namespace, storage, targets, subagents, target: this.#target });
    } catch (error) {
      const code = permanentFailure(error);
      if (code === undefined) throw error;
      return refusingExecution(run, code, error instanceof Error ? error.message : String(error));
    }
  }

  sweep(deploymentId: DeploymentId, live: ReadonlySet<DispatchId>): Promise<void> {
    return sweepTargets(this.#client, deploymentId, live);
  }

  close(): Promise<void> {
    return closeTargets(this.#client);
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

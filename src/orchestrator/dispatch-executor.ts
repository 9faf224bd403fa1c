import * as z from 'zod';
import { schemaWords } from '../base/schema-words.ts';
import { secretRefSchema, variableNameSchema } from '../contracts/env-bundle.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { type DeploymentId, type DispatchId, pinSchema } from '../contracts/ids.ts';
import { defaultExecutorName, defaultTargetName } from '../contracts/names.ts';
import type { FailureCode } from '../contracts/run.ts';
import { modelSchema } from '../contracts/subagent.ts';
import { awaitedStorage } from '../dispatch/awaited-storage.ts';
import type { DispatchPlace } from '../dispatch/place.ts';
import { closeTargets, type DispatchClient, sweepTargets } from '../dispatch/targets.ts';
import { DispatchExecution } from './dispatch-execution.ts';
import { OpenedPlaces } from './dispatch-places.ts';
import type { ItemDefaults } from './dispatch-work.ts';
import type { Executor, ExecutorRun, RunExecution } from './executor.ts';
import { refusingExecution } from './refusing-execution.ts';
import { ResolvedItems } from './resolved-items.ts';

export interface DispatchExecutorOptions {
  readonly client: DispatchClient & Pick<DispatchPlace, 'secrets'>;
  /** Where items run that name no target. Default: `local`. */
  readonly target?: string;
  /**
   * Secrets of every item, whatever its subagent, by variable: refs such as `env:ANTHROPIC_API_KEY`, never the secrets
   * themselves. What only some items need belongs into a registered env that those items name. Default: none.
   */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Registered environments of every item, before the item's own. */
  readonly env?: readonly string[];
  /** For model-driven subagents where neither plan nor subagent says. Default: the runtime's own. */
  readonly model?: string;
  /** An image instead of the target's own. */
  readonly workerImage?: string;
}

const optionsSchema = z.object({
  secrets: z.record(variableNameSchema, secretRefSchema).default({}),
  env: z.array(pinSchema).default([]),
  model: modelSchema.optional(),
  workerImage: z.string().min(1).max(512).optional(),
});

/** Runs each item as one dispatch: one worker, in a container or a sandbox of its own. */
export class DispatchExecutor implements Executor {
  readonly #client: DispatchExecutorOptions['client'];
  readonly #target: string;
  readonly #model: string | undefined;
  readonly #defaults: ItemDefaults;

  constructor(options: DispatchExecutorOptions) {
    this.#client = options.client;
    this.#target = options.target ?? defaultTargetName;
    this.#client.computeOf(this.#target);
    const { model, workerImage, ...rest } = checked(options);
    this.#model = model;
    this.#defaults = { ...rest, workerImage, target: this.#target };
  }

  get targets(): readonly string[] {
    return this.#client.targets;
  }

  get defaultTarget(): string {
    return this.#target;
  }

  get namespace(): string {
    return this.#client.namespace;
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
      const { namespace, secrets } = this.#client;
      const storage = awaitedStorage(this.#client.storage);
      const { subagents: declared, defaults } = run.declarations;
      const model = this.#model === undefined ? {} : { model: this.#model };
      const computeOf = (target: string) => this.#client.computeOf(target);
      const ports = { namespace, storage, declared, defaults: { ...defaults, ...model }, computeOf };
      const items = await ResolvedItems.resolve(run, dispatchItems(run), { ports, defaults: this.#defaults });
      const onProgress = (line: string) => run.onLine(`run ${run.runId}: ${line}`);
      const places = await OpenedPlaces.open(this.#client, items.places(), onProgress);
      return new DispatchExecution({ run, client: { namespace, storage, secrets }, places, items });
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
}

function checked({ secrets, env, model, workerImage }: DispatchExecutorOptions): z.infer<typeof optionsSchema> {
  const parsed = optionsSchema.safeParse({ secrets, env, model, workerImage }, { error: schemaWords });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new AppError(
    'invalid-config',
    `Cannot use "${issue?.path.join('.')}" of a DispatchExecutor: ${issue?.message ?? 'it does not have the expected form'}`,
  );
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

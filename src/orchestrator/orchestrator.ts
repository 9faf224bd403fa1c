import { resolve } from 'node:path';
import type { Anchor } from '../audit/anchor.ts';
import type { Signer } from '../audit/signer.ts';
import type { Declarations, QueueDeclaration, TaskDeclarations } from '../contracts/declarations.ts';
import { AppError } from '../contracts/errors.ts';
import { defaultQueueName } from '../contracts/names.ts';
import type { SubagentInput } from '../contracts/subagent.ts';
import { subagentsOf } from '../registry/declared-subagents.ts';
import type { Storage } from '../storage/storage.ts';
import type { Executor } from './executor.ts';
import type { RunStore } from './run-store.ts';

/** Items of one queue that run at once, when a config says nothing. */
export const defaultConcurrency = 2;

export interface OrchestratorOptions {
  /** Folder of this project's state (`.agora`), where the deployment's id and trust file lie. */
  readonly stateFolder: string;
  readonly store: RunStore;
  readonly storage: Storage;
  readonly signer: Signer;
  readonly anchors: readonly Anchor[];
  /** How items run, by the name a plan gives. */
  readonly executors: Readonly<Record<string, Executor>>;
  /** Names an item's `target` may have. Default: those its executors know. */
  readonly targets?: readonly string[];
  /** Queues by name. Default: one named `default` with a concurrency of 2. */
  readonly queues?: Readonly<Record<string, QueueDeclaration>>;
  /** Subagents by name. Default: none. */
  readonly subagents?: Readonly<Record<string, SubagentInput>>;
  /** Directory a run starts from when its plan names none. Default: an empty worktree. */
  readonly source?: string;
  /** Fail an item whose patch leaves its locks. Default: false. */
  readonly enforceLocks?: boolean;
  /** Limits, retries and timeouts of items whose plan names none. */
  readonly defaults?: TaskDeclarations;
}

/** Everything a daemon is made of, checked but not opened: constructing it touches nothing. */
export class AgoraOrchestrator {
  readonly options: OrchestratorOptions;
  readonly declarations: Declarations;

  constructor(options: OrchestratorOptions) {
    this.options = options;
    checkAnchorIds(options.anchors);
    this.declarations = {
      queues: queuesOf(options.queues ?? { [defaultQueueName]: {} }),
      executors: Object.keys(options.executors),
      targets: options.targets ?? Object.values(options.executors).flatMap((executor) => executor.targets ?? []),
      subagents: subagentsOf(options.subagents ?? {}),
      ...namespaceOf(options),
      ...(options.source === undefined ? {} : { source: resolve(options.source) }),
      enforceLocks: options.enforceLocks ?? false,
      defaults: options.defaults ?? {},
    };
  }
}

/** The seal names them, and a verifier has nothing else to tell them apart by. */
function checkAnchorIds(anchors: readonly Anchor[]): void {
  const twice = anchors.find(({ id }, index) => anchors.findIndex((other) => other.id === id) !== index);
  if (twice === undefined) return;
  throw new AppError('invalid-config', `Cannot use anchor "${twice.id}" of the config: two have this id`);
}

function namespaceOf({ executors }: OrchestratorOptions): Pick<Declarations, 'namespace'> {
  const [namespace] = Object.values(executors).flatMap((executor) => executor.namespace ?? []);
  return namespace === undefined ? {} : { namespace };
}

function queuesOf(written: Readonly<Record<string, QueueDeclaration>>): Record<string, Required<QueueDeclaration>> {
  const queues: Record<string, Required<QueueDeclaration>> = {};
  for (const [name, queue] of Object.entries(written)) {
    const concurrency = queue.concurrency ?? defaultConcurrency;
    if (!Number.isInteger(concurrency) || concurrency < 1) {
      throw new AppError(
        'invalid-config',
        `Cannot use queue "${name}" of the config: concurrency is ${concurrency}, it must be a whole number from 1`,
      );
    }
    queues[name] = { concurrency };
  }
  return queues;
}

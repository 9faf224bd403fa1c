import type { Compute } from '../compute/compute.ts';
import { AppError } from '../contracts/errors.ts';
import type { Digest } from '../contracts/ids.ts';
import { defaultNamespace } from '../contracts/names.ts';
import type { Subagent } from '../contracts/subagent.ts';
import { listSubagents, registerSubagent, resolveSubagent } from '../registry/subagents.ts';
import type { Storage } from '../storage/storage.ts';

export interface TargetDeclaration {
  /** The compute provider, by its name in `compute`. */
  readonly compute: string;
}

export interface AgoraClientOptions {
  /** Part of every ref and name. Default: `default`. */
  readonly namespace?: string;
  readonly storage: Storage;
  /** Compute providers by name. */
  readonly compute: Readonly<Record<string, Compute>>;
  /** Where work can run, by the name a plan or command gives. Default: one target for each provider, of its name. */
  readonly targets?: Readonly<Record<string, TargetDeclaration>>;
}

/** The SDK: what is registered, and where it can run. Constructing it touches nothing. */
export class AgoraClient {
  readonly namespace: string;
  readonly storage: Storage;
  readonly #targets: ReadonlyMap<string, Compute>;

  constructor(options: AgoraClientOptions) {
    this.namespace = options.namespace ?? defaultNamespace;
    this.storage = options.storage;
    this.#targets = targetsOf(options);
  }

  get targets(): readonly string[] {
    return [...this.#targets.keys()];
  }

  /** The compute provider of a target; `unknown-name` when there is no such target. */
  computeOf(target: string): Compute {
    const compute = this.#targets.get(target);
    if (compute !== undefined) return compute;
    throw new AppError(
      'unknown-name',
      `Cannot use target "${target}": this config has ${this.targets.join(', ') || 'none'}`,
    );
  }

  readonly subagent = {
    /** Stores the definition and makes it the latest of its name. */
    register: (subagent: Subagent): Promise<{ readonly name: string; readonly digest: Digest }> =>
      registerSubagent(this.storage, this.namespace, subagent),
    get: (name: string) => resolveSubagent(this.storage, this.namespace, name),
    list: () => listSubagents(this.storage, this.namespace),
  };
}

function targetsOf({ compute, targets }: AgoraClientOptions): Map<string, Compute> {
  const declared = targets ?? Object.fromEntries(Object.keys(compute).map((name) => [name, { compute: name }]));
  return new Map(
    Object.entries(declared).map(([name, target]) => {
      const provider = compute[target.compute];
      if (provider !== undefined) return [name, provider];
      const known = Object.keys(compute).join(', ') || 'none';
      throw new AppError(
        'invalid-config',
        `Cannot use target "${name}": no compute provider "${target.compute}", there is ${known}`,
      );
    }),
  );
}

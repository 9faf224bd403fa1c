import type { Compute } from '../compute/compute.ts';
import type { TaskDeclarations } from '../contracts/declarations.ts';
import type { DispatchEvent } from '../contracts/dispatch.ts';
import { AppError } from '../contracts/errors.ts';
import { artifactRefSchema, digestOfRef } from '../contracts/ids.ts';
import { defaultNamespace } from '../contracts/names.ts';
import type { Subagent, SubagentInput } from '../contracts/subagent.ts';
import { deploymentOf } from '../dispatch/deployment.ts';
import type { DispatchPlace } from '../dispatch/place.ts';
import { subagentsOf } from '../registry/declared-subagents.ts';
import { combineSources, type SecretSource, type SecretStore } from '../secrets/secrets.ts';
import type { Storage } from '../storage/storage.ts';
import { type ClientRegistry, clientRegistry } from './client-registry.ts';
import { clientDispatch, type Dispatch } from './dispatch.ts';

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
  /** Keeps secrets that are given themselves. Default: none, and only refs can be given. */
  readonly secretStore?: SecretStore;
  /** Where refs of other kinds are found, such as `env:` and `file:`. Default: nowhere. */
  readonly secretSources?: readonly SecretSource[];
  /** This project's state folder (`.agora`), which says what deployment it is. */
  readonly stateFolder?: string;
  /** Subagents by name that need no registering; they come before registered ones. */
  readonly subagents?: Readonly<Record<string, SubagentInput>>;
  /** What counts for a dispatch where neither it nor its subagent says. */
  readonly defaults?: TaskDeclarations;
  /** The model of subagents that name none: fast, standard, max, or its own name. Default: the runtime's. */
  readonly defaultModel?: string;
  /** Told of the whole life of every dispatch that this process executes. */
  readonly onDispatchEvent?: (event: DispatchEvent) => void | Promise<void>;
}

/** The SDK: what is registered, and where it can run. Constructing it touches nothing. */
export class AgoraClient {
  readonly namespace: string;
  readonly storage: Storage;
  readonly secretStore: SecretStore | undefined;
  /** Finds a secret by its ref, wherever it lies. */
  readonly secrets: SecretSource;
  readonly stateFolder: string | undefined;
  readonly capabilities: ClientRegistry['capabilities'];
  readonly subagent: ClientRegistry['subagent'];
  readonly env: ClientRegistry['env'];
  readonly pipeline: ClientRegistry['pipeline'];
  /** Runs one dispatch, called itself; its members do the rest. */
  readonly dispatch: Dispatch;
  readonly #targets: ReadonlyMap<string, Compute>;
  readonly #subagents: Readonly<Record<string, Subagent>>;

  constructor(options: AgoraClientOptions) {
    this.namespace = options.namespace ?? defaultNamespace;
    this.storage = options.storage;
    this.secretStore = options.secretStore;
    this.secrets = combineSources([
      ...(options.secretStore ? [options.secretStore] : []),
      ...(options.secretSources ?? []),
    ]);
    this.stateFolder = options.stateFolder;
    const registry = clientRegistry(this.storage, this.namespace, this.secretStore);
    this.capabilities = registry.capabilities;
    this.subagent = registry.subagent;
    this.env = registry.env;
    this.pipeline = registry.pipeline;
    this.#targets = targetsOf(options);
    this.#subagents = subagentsOf(options.subagents ?? {});
    this.dispatch = clientDispatch(this.#place(options), options.onDispatchEvent ?? (() => undefined));
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

  /** The bytes of an artifact, checked against its ref. Raises `invalid-input`, and `not-found` while they are read. */
  artifact(ref: string): AsyncIterable<Uint8Array> {
    const parsed = artifactRefSchema.safeParse(ref);
    if (parsed.success) return this.storage.getBlob(digestOfRef(parsed.data));
    throw new AppError('invalid-input', `Cannot read artifact "${ref}": it is not agora://…/artifact/…/sha256:<hex>`);
  }

  #place({ defaults, defaultModel }: AgoraClientOptions): DispatchPlace {
    return {
      namespace: this.namespace,
      storage: this.storage,
      targets: this.targets,
      secrets: this.secrets,
      secretStore: this.secretStore,
      declared: this.#subagents,
      defaults: { ...defaults, ...(defaultModel === undefined ? {} : { model: defaultModel }) },
      computeOf: (target) => this.computeOf(target),
      deploymentId: () => deploymentOf(this),
    };
  }
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

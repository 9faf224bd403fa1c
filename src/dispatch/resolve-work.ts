import { suggestion } from '../base/suggest.ts';
import type { Compute } from '../compute/compute.ts';
import type { TaskDeclarations } from '../contracts/declarations.ts';
import type { DispatchRecord, DispatchWork } from '../contracts/dispatch.ts';
import type { EnvBundle } from '../contracts/env-bundle.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { Digest } from '../contracts/ids.ts';
import { type Block, defaultBlocks } from '../contracts/pipeline.ts';
import type { NetworkPolicy } from '../contracts/plan.ts';
import type { Subagent } from '../contracts/subagent.ts';
import type { TaskLimits } from '../contracts/task.ts';
import { resolveCapability } from '../registry/capabilities.ts';
import { findCredentials } from '../registry/credential-scan.ts';
import { resolveEnv } from '../registry/envs.ts';
import { buildOverlay } from '../registry/overlay.ts';
import { resolvePipeline } from '../registry/pipelines.ts';
import { registerSubagent, resolveSubagent } from '../registry/subagents.ts';
import type { Storage, StoredBlob } from '../storage/storage.ts';
import { effectiveLimits, effectiveNetwork } from './effective.ts';

export interface NamedDigest {
  readonly name: string;
  readonly digest: Digest;
}

/** A dispatch with every name turned into content: what will run is decided. */
export interface ResolvedWork {
  readonly work: DispatchWork;
  readonly subagent: NamedDigest & { readonly subagent: Subagent };
  readonly capabilities: readonly NamedDigest[];
  readonly env: readonly NamedDigest[];
  readonly pipeline?: NamedDigest;
  readonly blocks: readonly Block[];
  readonly variables: Readonly<Record<string, string>>;
  /** Refs by variable. */
  readonly secretRefs: Readonly<Record<string, string>>;
  readonly overlay?: {
    readonly tar: StoredBlob;
    readonly setup: readonly { readonly capability: string; readonly path: string }[];
  };
  readonly network: NetworkPolicy;
  readonly limits: TaskLimits;
  /** Only for a subagent that a model drives; left out: its runtime's own. */
  readonly model?: string;
}

export interface ResolvePorts {
  readonly storage: Storage;
  readonly namespace: string;
  /** Subagents of the config by name; they come before registered ones. */
  readonly declared?: Readonly<Record<string, Subagent>>;
  /** What counts where neither the work nor the subagent says. */
  readonly defaults?: TaskDeclarations & { readonly model?: string };
  /** The provider of a target, whose own variables come first. Default: none has any. */
  readonly computeOf?: (target: string) => Pick<Compute, 'extraEnv'>;
}

/**
 * Finds everything a dispatch names. Raises `unknown-name` for what is not registered, `refused` for credentials in
 * clear or a network that would be denied, `invalid-input` for wishes that contradict each other.
 */
export async function resolveWork(ports: ResolvePorts, work: DispatchWork): Promise<ResolvedWork> {
  const { storage, namespace, defaults = {} } = ports;
  refuseCredentials(work);
  const subagent = await findSubagent(ports, work.subagent);
  const definition = subagent.subagent;
  const model = modelOf(work, definition, defaults.model);
  const network = effectiveNetwork(work, definition);
  const pipelinePin = work.pipeline ?? definition.pipeline;
  const [capabilities, envs, pipeline] = await Promise.all([
    Promise.all(capabilityPins(work, definition).map((pin) => resolveCapability(storage, namespace, pin))),
    Promise.all(work.env.map((pin) => resolveEnv(storage, namespace, pin))),
    pipelinePin === undefined ? undefined : resolvePipeline(storage, namespace, pipelinePin),
  ]);
  const overlay = await buildOverlay(storage, capabilities);
  const extraEnv = ports.computeOf?.(work.target).extraEnv ?? {};
  return {
    work,
    subagent,
    capabilities: capabilities.map(named),
    env: envs.map(named),
    ...(pipeline === undefined ? {} : { pipeline: named(pipeline) }),
    blocks: pipeline?.pipeline.blocks ?? defaultBlocks(definition.verify),
    ...environmentOf(
      work,
      { ...extraEnv, ...definition.env },
      envs.map(({ env }) => env),
    ),
    ...(overlay === undefined ? {} : { overlay }),
    network,
    limits: effectiveLimits(work, definition, defaults),
    ...(model === undefined ? {} : { model }),
  };
}

/** What a record says of it: names, digests and choices, no content. */
export function resolvedRecord(resolved: ResolvedWork): DispatchRecord['resolved'] {
  const { subagent, capabilities, env, pipeline, secretRefs, model, network, limits } = resolved;
  return {
    subagent: named(subagent),
    capabilities: [...capabilities],
    env: [...env],
    ...(pipeline === undefined ? {} : { pipeline }),
    secrets: Object.keys(secretRefs).sort(),
    runtime: subagent.subagent.runtime,
    ...(model === undefined ? {} : { model }),
    network,
    limits,
  };
}

async function findSubagent({ storage, namespace, declared }: ResolvePorts, pin: string) {
  const subagent = declared !== undefined && Object.hasOwn(declared, pin) ? declared[pin] : undefined;
  // Stored like a registered one, so that its digest leads to what ran.
  if (subagent !== undefined) return { ...(await registerSubagent(storage, namespace, subagent)), subagent };
  return resolveSubagent(storage, namespace, pin).catch((error: unknown) => {
    throw withSuggestion(error, pin, Object.keys(declared ?? {}));
  });
}

/** Names of the config may be meant as well as registered ones. */
function withSuggestion(error: unknown, pin: string, declared: readonly string[]): unknown {
  const near = suggestion(pin, declared);
  if (near === '' || !isAppError(error, 'unknown-name') || error.message.includes('did you mean')) return error;
  return new AppError(error.code, error.message + near, { ...(error.next === undefined ? {} : { next: error.next }) });
}

function capabilityPins(work: DispatchWork, subagent: Subagent): string[] {
  return [...new Set([...(work.capabilities ?? subagent.capabilities ?? []), ...work.addCapabilities])];
}

/** Later ones win: the usual ones, the bundles' in order, the work's own. A secret wins over a plain value of its name. */
function environmentOf(work: DispatchWork, usual: Readonly<Record<string, string>>, bundles: readonly EnvBundle[]) {
  const values = Object.assign({}, usual, ...bundles.map((bundle) => bundle.values), work.variables);
  const secretRefs = Object.assign({}, ...bundles.map((bundle) => bundle.secrets), work.secrets);
  const plain = Object.entries<string>(values).filter(([name]) => !Object.hasOwn(secretRefs, name));
  return {
    variables: Object.fromEntries(plain),
    secretRefs: Object.fromEntries(Object.entries<string>(secretRefs)),
  };
}

function modelOf(work: DispatchWork, subagent: Subagent, usual: string | undefined): string | undefined {
  if (subagent.runtime !== 'command') return work.model ?? subagent.model ?? usual;
  if (work.model === undefined) return undefined;
  throw new AppError('invalid-input', `Cannot use model "${work.model}": subagent "${subagent.name}" is a command`, {
    next: 'Leave the model out.',
  });
}

function refuseCredentials({ input, variables }: DispatchWork): void {
  const [first] = findCredentials({ input, variables });
  if (first === undefined) return;
  throw new AppError('refused', `Cannot dispatch: ${first.place} looks like ${first.kind}`, {
    next: 'Give credentials as secrets: input and variables are recorded in clear.',
  });
}

function named({ name, digest }: NamedDigest): NamedDigest {
  return { name, digest };
}

import { type GivenCapability, registerCapability, resolveCapability } from '../registry/capabilities.ts';
import { type GivenEnv, registerEnv, resolveEnv } from '../registry/envs.ts';
import { type GivenPipeline, registerPipeline, resolvePipeline } from '../registry/pipelines.ts';
import {
  listRegistered,
  type Pinned,
  type Registered,
  type RegistryType,
  removeRegistered,
} from '../registry/registered.ts';
import { type GivenSubagent, registerSubagent, resolveSubagent } from '../registry/subagents.ts';
import type { SecretStore } from '../secrets/secrets.ts';
import type { Storage } from '../storage/storage.ts';

/** What can be done with everything of one kind that is registered. */
export interface RegistryMember<Given, Found extends Pinned> {
  /** Checks and stores it, and makes it the latest of its name. */
  register(given: Given): Promise<Registered>;
  /** What a name, or name@sha256:<hex>, leads to. */
  get(pin: string): Promise<Found>;
  /** Names and latest digests, sorted by name. */
  list(): Promise<Registered[]>;
  /** Forgets a name. What was pinned to its content still finds that. */
  remove(name: string): Promise<void>;
}

/** The registry in one namespace. */
export function clientRegistry(storage: Storage, namespace: string, secrets: SecretStore | undefined) {
  const named = (type: RegistryType) => ({
    list: () => listRegistered(storage, namespace, type),
    remove: (name: string) => removeRegistered(storage, namespace, type, name),
  });
  return {
    capabilities: {
      register: (given: GivenCapability) => registerCapability({ storage, namespace }, given),
      get: (pin: string) => resolveCapability(storage, namespace, pin),
      ...named('capability'),
    },
    subagent: {
      register: (given: GivenSubagent) => registerSubagent(storage, namespace, given),
      get: (pin: string) => resolveSubagent(storage, namespace, pin),
      ...named('subagent'),
    },
    env: {
      register: (given: GivenEnv) => registerEnv({ storage, namespace, secrets }, given),
      get: (pin: string) => resolveEnv(storage, namespace, pin),
      ...named('env'),
    },
    pipeline: {
      register: (given: GivenPipeline) => registerPipeline(storage, namespace, given),
      get: (pin: string) => resolvePipeline(storage, namespace, pin),
      ...named('pipeline'),
    },
  } satisfies Record<string, RegistryMember<never, Pinned>>;
}
export type ClientRegistry = ReturnType<typeof clientRegistry>;

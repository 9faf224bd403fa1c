import type { AgoraClient } from '../client/client.ts';
import type { Pinned, Registered } from '../registry/registered.ts';
import type { CommandContext } from './command.ts';
import { say } from './output.ts';

/** What can be registered: the first word of its commands, which is its member of the client too. */
export type RegistryKind = 'capabilities' | 'subagent' | 'env' | 'pipeline';

/** One of them, and several, in words. */
export const kindWords: Readonly<Record<RegistryKind, readonly [one: string, several: string]>> = {
  capabilities: ['capability', 'capabilities'],
  subagent: ['subagent', 'subagents'],
  env: ['env', 'envs'],
  pipeline: ['pipeline', 'pipelines'],
};

export interface RegistryView {
  get(pin: string): Promise<Pinned>;
  list(): Promise<Registered[]>;
  remove(name: string): Promise<void>;
}

export function registryOf(client: AgoraClient, kind: RegistryKind): RegistryView {
  return client[kind];
}

/** Data: one JSON line. Talk: what happened, in words. */
export async function printRegistered(
  kind: RegistryKind,
  registered: Registered,
  { stdout, stderr }: Pick<CommandContext, 'stdout' | 'stderr'>,
): Promise<void> {
  const { name, digest, registeredAt } = registered;
  await say(stderr, `agora: registered ${kindWords[kind][0]} "${name}"`);
  await say(stdout, JSON.stringify({ name, digest, registeredAt }));
}

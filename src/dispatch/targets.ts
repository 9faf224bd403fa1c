import type { Compute, ProviderInfo } from '../compute/compute.ts';
import type { DeploymentId, DispatchId } from '../contracts/ids.ts';
import type { Storage } from '../storage/storage.ts';

/** Where dispatches can run: what an `AgoraClient` offers of itself. */
export interface DispatchClient {
  readonly namespace: string;
  readonly storage: Storage;
  readonly targets: readonly string[];
  /** Raises `unknown-name`. */
  computeOf(target: string): Compute;
}

export interface OpenedTarget {
  readonly compute: Compute;
  readonly info: ProviderInfo;
}

/** Targets by name, each known to answer. Raises what `describe` of their providers raises. */
export async function openTargets(
  client: DispatchClient,
  names: Iterable<string>,
): Promise<ReadonlyMap<string, OpenedTarget>> {
  const opened = new Map<string, OpenedTarget>();
  for (const name of new Set(names)) {
    const compute = client.computeOf(name);
    opened.set(name, { compute, info: await compute.describe() });
  }
  return opened;
}

/** Stops and removes this deployment's workers of runs that are not among the live ones; other dispatches have owners of their own. */
export async function sweepTargets(
  client: DispatchClient,
  deploymentId: DeploymentId,
  live: ReadonlySet<DispatchId>,
): Promise<void> {
  for (const compute of providersOf(client)) {
    for (const handle of await compute.list(deploymentId)) {
      if (handle.owner.runId === undefined || live.has(handle.dispatchId)) continue;
      await compute.stop(handle, 0);
      await compute.remove(handle);
    }
  }
}

export async function closeTargets(client: DispatchClient): Promise<void> {
  for (const compute of providersOf(client)) await compute.close();
}

/** Several targets may share a provider. */
export function providersOf(client: Pick<DispatchClient, 'targets' | 'computeOf'>): Set<Compute> {
  return new Set(client.targets.map((name) => client.computeOf(name)));
}

import type { Compute } from '../compute/compute.ts';
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

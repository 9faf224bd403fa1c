import { hostLabels } from '../contracts/fleet-names.ts';
import type { ObservedContainer } from '../contracts/host-observation.ts';
import type { HostEngine } from '../engine/host-engine.ts';

interface HelperLabels {
  readonly owner: string;
  readonly name: string;
}

/** How helpers of this name are known again, whoever finds them. */
export function helperLabels({ owner, name }: HelperLabels): Record<string, string> {
  return { [hostLabels.host]: owner, [hostLabels.kind]: 'helper', [hostLabels.name]: name };
}

/** Removes those that an agent left which was killed. */
export async function removeLeftHelpers(
  engine: Pick<HostEngine, 'observeContainers' | 'removeContainer'>,
  of: HelperLabels,
  signal: AbortSignal | undefined,
): Promise<void> {
  const left = (await engine.observeContainers(signal)).filter((container) => isLeft(container, of));
  for (const { id } of left) await engine.removeContainer(id, signal);
}

/** One that ended serves nobody: the agent that had it may have had another key. */
function isLeft({ labels, status }: ObservedContainer, { owner, name }: HelperLabels): boolean {
  if (labels[hostLabels.kind] !== 'helper' || labels[hostLabels.name] !== name) return false;
  const { [hostLabels.host]: host } = labels;
  return host === owner || (host !== undefined && ['exited', 'dead'].includes(status));
}

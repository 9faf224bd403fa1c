import type { ObservedContainer } from '../contracts/host-observation.ts';
import type { WorkspaceSpec } from '../contracts/host-spec.ts';
import { sizeInBytes } from '../contracts/host-units.ts';

/** What a container is held to otherwise than declared, as by `docker update`, for people. */
export function foreignLimits({ limits = {} }: ObservedContainer, spec: WorkspaceSpec): string[] {
  const memory = spec.memory === undefined ? undefined : sizeInBytes(spec.memory);
  const lines = [
    // What is not limited though declared is what the engine cannot limit; nobody can change that here.
    lineOf('memory', limits.memoryBytes, memory, ' bytes'),
    lineOf('cpus', limits.cpus, spec.cpus, ''),
    // Podman has a limit of its own.
    spec.pids === undefined ? undefined : lineOf('pids', limits.pids, spec.pids, ''),
    limits.restart === undefined || limits.restart === spec.restart
      ? undefined
      : `restart is "${limits.restart}", declared is "${spec.restart}"`,
  ];
  return lines.filter((line) => line !== undefined);
}

/** Engines keep processors in hundred-thousandths. */
const leastDifference = 0.00001;
/** No quota is smaller. */
const leastCpus = 0.01;

function lineOf(
  name: string,
  observed: number | undefined,
  declared: number | undefined,
  unit: string,
): string | undefined {
  if (observed === undefined) return undefined;
  const wanted = declared === undefined ? undefined : name === 'cpus' ? Math.max(leastCpus, declared) : declared;
  if (wanted !== undefined && Math.abs(observed - wanted) <= leastDifference) return undefined;
  return `${name} is ${observed}${unit}, declared is ${declared === undefined ? 'none' : `${declared}${unit}`}`;
}

import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { undefinedIfMissing } from '../base/missing-file.ts';
import type { HostEngine } from '../engine/host-engine.ts';

/** What shows in a mount table that a process runs in a container of Docker or Podman. */
const containerIdPattern = /\/(?:overlay-)?containers\/([0-9a-f]{64})\//;

/** What an agent sees of the container it is in. */
export interface Surroundings {
  /** Undefined outside a container of Docker or Podman. */
  readonly containerId: string | undefined;
  /** Folders something is mounted at. */
  readonly mounts: readonly string[];
}

export async function readSurroundings(): Promise<Surroundings> {
  const [mountTable = '', dockerMark, podmanMark] = await Promise.all([
    undefinedIfMissing(readFile('/proc/self/mountinfo', 'utf8')),
    undefinedIfMissing(readFile('/.dockerenv')),
    undefinedIfMissing(readFile('/run/.containerenv')),
  ]);
  return surroundingsOf(mountTable, dockerMark !== undefined || podmanMark !== undefined);
}

/** The mount table of a host names containers as well, of which it is none: a mark must be there. */
export function surroundingsOf(mountTable: string, isMarked: boolean): Surroundings {
  const lines = mountTable.split('\n').map((line) => line.split(' '));
  const mounts = lines.flatMap(([, , , , point]) => (point === undefined ? [] : [point]));
  if (!isMarked) return { containerId: undefined, mounts };
  // The engine mounts these from the container's own folder.
  const own = lines.find(([, , , root = '', point]) => point === '/etc/hostname' && containerIdPattern.test(root));
  return { containerId: containerIdPattern.exec(own?.[3] ?? '')?.[1], mounts };
}

/** Whether a folder, or one above it, is kept when the container is removed. */
export function isMounted(folder: string, mounts: readonly string[]): boolean {
  for (let at = folder; at !== dirname(at); at = dirname(at)) if (mounts.includes(at)) return true;
  return false;
}

/** The image that a container was made of; undefined where the engine has no such container. */
export async function imageOfContainer(
  engine: HostEngine,
  containerId: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const containers = await engine.observeContainers(signal);
  return containers.find(({ id }) => id === containerId)?.imageId;
}

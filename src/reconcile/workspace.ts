import { hostLabels, nextContainerName, previousContainerName } from '../contracts/fleet-names.ts';
import type { ObservedContainer } from '../contracts/host-observation.ts';
import type { WorkspaceSpec } from '../contracts/host-spec.ts';
import { timeSpanInMs } from '../contracts/host-units.ts';
import { entryOf } from './entry-of.ts';
import type { ImageReadiness } from './images.ts';
import { labelsOf, type Pass } from './pass.ts';
import { portsLabel } from './port-holders.ts';
import type { Move } from './step.ts';

/** The containers of a workspace: its own, the one that shall take its place, and the one whose place it took. */
export interface Slots {
  readonly current: ObservedContainer | undefined;
  readonly next: ObservedContainer | undefined;
  readonly previous: ObservedContainer | undefined;
  /** Names of ours that containers of others have. */
  readonly taken: readonly string[];
}

/** A declared workspace in one decision. */
export interface Workspace {
  readonly name: string;
  readonly spec: WorkspaceSpec;
  readonly digest: string;
  readonly slots: Slots;
  readonly image: ImageReadiness;
  /** Steps that make what it needs, or free it. */
  readonly after: readonly number[];
  /** Why a container of it cannot be made now. */
  readonly blockedBy: string | undefined;
  /** Why one that is made cannot be started now. */
  readonly heldBy: string | undefined;
  /** Whether it shall run, and why not. */
  readonly isWanted: boolean;
  readonly unwantedBecause: string;
}

export function slotsOf(pass: Pass, name: string, spec: WorkspaceSpec): Slots {
  const { containers } = pass.inventory;
  const nextName = nextContainerName(name);
  const previousName = previousContainerName(name);
  const current = containers.get(name);
  const next = containers.get(nextName);
  const previous = containers.get(previousName);
  // One that is adopted becomes the previous one while ours proves itself.
  const isOurs = (held: typeof current) => held !== undefined && (held.isOurs || spec.adopt);
  return {
    current: isOurs(current) ? current?.item : undefined,
    next: next?.isOurs ? next.item : undefined,
    previous: isOurs(previous) ? previous?.item : undefined,
    taken: [
      ...(current !== undefined && !isOurs(current) ? [name] : []),
      ...(next !== undefined && !next.isOurs ? [nextName] : []),
      ...(previous !== undefined && !isOurs(previous) ? [previousName] : []),
    ],
  };
}

/** Whether a container is what is declared. */
export function isFresh({ digest, image }: Workspace, container: ObservedContainer): boolean {
  if (container.labels[hostLabels.spec] !== digest) return false;
  return !image.isFollowed || image.choice.id === undefined || image.choice.id === container.imageId;
}

/** What a failure to make the declared container is remembered for. */
export function attemptOf({ name, digest, image }: Workspace): { attempt: string; fingerprint: string } {
  const fingerprint = image.isFollowed ? `${digest} ${image.choice.id ?? ''}` : digest;
  return { attempt: `workspace ${name}`, fingerprint };
}

/** Why a container that is made could not be started, while that is tried again. */
export function startFailureOf({ memory }: Pass, name: string, { id }: ObservedContainer) {
  const failure = entryOf(memory.failures, `start-workspace ${name}`);
  return failure?.fingerprint === id ? failure : undefined;
}

export function createMove(pass: Pass, { name, spec, digest, image }: Workspace, container: string): Move {
  const labels = {
    ...spec.labels,
    ...labelsOf(pass, { kind: 'workspace', name, digest }),
    [hostLabels.stopGraceMs]: String(timeSpanInMs(spec.stopGrace)),
    // Without ports as well: an image made of one of our containers carries its labels.
    [hostLabels.ports]: portsLabel(spec),
  };
  return { do: 'create', container, spec, image: image.choice, labels };
}

/** Grace of a container that may not be declared any more. */
function graceMsOf({ labels }: ObservedContainer): number {
  const graceMs = Number(labels[hostLabels.stopGraceMs] ?? Number.NaN);
  return Number.isFinite(graceMs) && graceMs >= 0 ? graceMs : 10_000;
}

export function stopMove(container: ObservedContainer, spec?: WorkspaceSpec): Move {
  return {
    do: 'stop',
    container: container.id,
    graceMs: spec === undefined ? graceMsOf(container) : timeSpanInMs(spec.stopGrace),
  };
}

export function removeMoves(container: ObservedContainer, spec?: WorkspaceSpec): Move[] {
  // One that is adopted may have its data in a volume without a name.
  const keepsVolumes = container.labels[hostLabels.kind] !== 'workspace';
  return [stopMove(container, spec), { do: 'remove', container: container.id, keepsVolumes }];
}

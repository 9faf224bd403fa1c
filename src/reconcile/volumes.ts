import { hostLabels } from '../contracts/fleet-names.ts';
import type { ObservedVolume } from '../contracts/host-observation.ts';
import type { VolumeSpec } from '../contracts/host-spec.ts';
import { entryOf } from './entry-of.ts';
import { addStep, isOutOfSpace, isThere, labelsOf, type Pass, type Readiness, readyAfter, tell } from './pass.ts';
import { volumeDigest } from './spec-digest.ts';
import type { Move } from './step.ts';

/** Makes the volumes that are declared. One that is there is never made again: that would be the end of its data. */
export function reconcileVolumes(pass: Pass): Map<string, Readiness> {
  const declared = Object.entries(pass.target.spec.volumes);
  for (const [name, spec] of declared) pass.memory.volumes[name] = spec.removeWithSpec;
  return new Map(declared.map(([name, spec]) => [name, volumeReadiness(pass, name, spec)]));
}

function volumeReadiness(pass: Pass, name: string, spec: VolumeSpec): Readiness {
  const held = pass.inventory.volumes.get(name);
  const digest = volumeDigest(spec);
  if (held === undefined) return create(pass, { name, spec, digest, reason: 'it is not there' });
  if (!held.isOurs && isHalfMade(pass, held.item, { spec, digest }))
    return create(pass, { name, spec, digest, reason: 'the engine ended while it was made' });
  if (!held.isOurs) {
    tell(
      pass,
      name,
      `Cannot make volume "${name}": one of this name is not ours`,
      'Remove it, or declare another name.',
    );
    return { after: [], blockedBy: `its volume "${name}" is not ours` };
  }
  if (held.item.labels[hostLabels.spec] !== digest) {
    const message = `Cannot change volume "${name}": it is declared otherwise than it was made, and making it again would remove its data`;
    tell(pass, name, message, `Declare another name, or save its data and remove it: docker volume rm ${name}`);
  }
  return isThere;
}

interface NewVolume {
  readonly name: string;
  readonly spec: VolumeSpec;
  readonly digest: string;
  readonly reason: string;
}

/**
 * Whether it is one that we asked for and that lacks its labels since the engine ended in the middle: asked again, an engine
 * gives them to what it has no record of, and to nothing else. What it took of options is not known. Why: decision 012.
 */
function isHalfMade(
  { memory }: Pass,
  { name, labels }: ObservedVolume,
  { spec, digest }: Pick<NewVolume, 'spec' | 'digest'>,
): boolean {
  const isUnnamed = Object.keys(labels).length === 0 && Object.keys(spec.driverOptions).length === 0;
  return isUnnamed && entryOf(memory.askedVolumes, name) === digest;
}

function create(pass: Pass, { name, spec, digest, reason }: NewVolume): Readiness {
  if (isOutOfSpace(pass)) return { after: [], blockedBy: `there is no space for its volume "${name}"` };
  const labels: Record<string, string> = { ...spec.labels, ...labelsOf(pass, { kind: 'volume', name, digest }) };
  if (spec.removeWithSpec) labels[hostLabels.removeWithSpec] = 'true';
  const moves: Move[] = [{ do: 'create-volume', volume: name, spec, labels }];
  const step = addStep(pass, { kind: 'create-volume', name, reason, moves, fingerprint: digest });
  if (step !== undefined) pass.memory.askedVolumes[name] = digest;
  return readyAfter(step, `its volume "${name}" could not be made`);
}

/** Removes volumes that were declared to go with their spec and are no longer declared, once these steps are done. */
export function removeVolumes(pass: Pass, after: readonly number[]): void {
  for (const [name, { item, isOurs }] of pass.inventory.volumes) {
    if (!isOurs || Object.hasOwn(pass.target.spec.volumes, name)) continue;
    // The label tells how it was first declared, memory how it was last.
    const goes = entryOf(pass.memory.volumes, name) ?? item.labels[hostLabels.removeWithSpec] === 'true';
    if (!goes) continue;
    const reason = 'it is not declared any more, and was declared to go with its spec';
    const moves: Move[] = [{ do: 'remove-volume', volume: name }];
    addStep(pass, { kind: 'remove-volume', name, reason, moves, after });
  }
}

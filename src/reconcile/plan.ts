import { canonicalize } from '../base/canonical-json.ts';
import { digestOf } from '../base/hash.ts';
import { hostLabels } from '../contracts/fleet-names.ts';
import type { HostPlan } from '../contracts/host-change.ts';
import type { HostObservation } from '../contracts/host-observation.ts';
import { digestSchema } from '../contracts/ids.ts';
import { emptyMemory, type Memory } from './memory.ts';
import { reconcile } from './reconcile.ts';
import { hostSpecDigest, secretRefs } from './spec-digest.ts';
import type { Target } from './target.ts';

export interface PlanOptions {
  readonly now: number;
  /** The revision that the host has applied: images that are asked for with each change were asked for then. Default: none. */
  readonly appliedRevision?: number | undefined;
}

/** What a spec would do to a host as it was last seen. Failures of the past do not count. */
export function planOf(target: Target, observed: HostObservation, { now, appliedRevision }: PlanOptions): HostPlan {
  const memory = appliedRevision === target.revision ? memoryOfApplied(target) : emptyMemory;
  const { steps, problems } = reconcile(target, observed, { memory, now, isPlan: true });
  return {
    index: indexOf(target, observed),
    specDigest: digestSchema.parse(hostSpecDigest(target.spec)),
    observedAt: observed.observedAt,
    steps: steps.map(({ kind, name, reason, after }) => ({ kind, name, reason, after })),
    problems: [...problems],
  };
}

function memoryOfApplied({ spec, revision }: Target): Memory {
  const images = Object.fromEntries(Object.keys(spec.images).map((name) => [name, { revision }]));
  return { ...emptyMemory, images };
}

// Not the whole observation: a container that was restarted in between changes nothing about the plan.
function indexOf({ spec, revision, hostId, settings, secretDigests = {} }: Target, observed: HostObservation): string {
  const identity = (labels: Readonly<Record<string, string>>) => [
    labels[hostLabels.host] ?? '',
    labels[hostLabels.spec] ?? '',
  ];
  const isKnown = (names: Readonly<Record<string, unknown>>, name: string, labels: Readonly<Record<string, string>>) =>
    Object.hasOwn(names, name) || labels[hostLabels.host] === hostId;
  const seen = {
    containers: observed.containers
      .filter(({ name, labels }) => isKnown(spec.workspaces, name, labels))
      .map(({ id, name, imageId, status, networks, labels }) => [
        id,
        name,
        imageId,
        status,
        [...networks].sort(),
        identity(labels),
      ])
      .map((line) => canonicalize(line)),
    networks: observed.networks
      .filter(({ name, labels }) => isKnown(spec.networks, name, labels))
      .map(({ id, name, labels }) => canonicalize([id, name, identity(labels)])),
    volumes: observed.volumes
      .filter(({ name, labels }) => isKnown(spec.volumes, name, labels))
      .map(({ name, labels }) => canonicalize([name, identity(labels)])),
    images: observed.images.map(({ id, tags }) => canonicalize([id, [...tags].sort()])),
  };
  const sorted = Object.values(seen).map((lines) => lines.sort());
  const values = secretRefs(spec).map((ref) => secretDigests[ref] ?? '');
  return digestOf(canonicalize([hostSpecDigest(spec), revision, settings.enabled, values, ...sorted]));
}

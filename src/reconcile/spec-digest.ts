import { canonicalize } from '../base/canonical-json.ts';
import { digestOf } from '../base/hash.ts';
import type { BuildSpec, HostSpec, NetworkSpec, VolumeSpec, WorkspaceSpec } from '../contracts/host-spec.ts';
import { sizeInBytes } from '../contracts/host-units.ts';

/** What becomes of a workspace, not what it is made from: a change there needs no other container. */
const notMadeFrom = ['running', 'updateStrategy', 'onDisconnect', 'adopt', 'stopGrace', 'networks', 'secrets'] as const;
const emptyCounts: ReadonlySet<string> = new Set(['entrypoint', 'command']);

export function hostSpecDigest(spec: HostSpec): `sha256:${string}` {
  return digestOf(canonicalize(spec));
}

/** Of every secret that it names. */
export function secretRefs({ images, workspaces }: HostSpec): string[] {
  const builds = Object.values(images).flatMap(({ build }) => Object.values(build?.secrets ?? {}));
  return [...builds, ...Object.values(workspaces).flatMap(({ secrets }) => Object.values(secrets))];
}

export function networkDigest(spec: NetworkSpec): string {
  return digestOf(canonicalize(withoutDefaults(spec)));
}

/** Labels cannot be changed on a volume that is there, so they do not count. */
export function volumeDigest({ driver, driverOptions }: VolumeSpec): string {
  return digestOf(canonicalize(withoutDefaults({ driver, driverOptions })));
}

/** What the result of a build depends on. */
export function buildDigest(spec: BuildSpec, secretDigests: Readonly<Record<string, string>> = {}): string {
  const { context, dockerfile, args, target, secrets } = spec;
  return digestOf(
    canonicalize(withoutDefaults({ context, dockerfile, args, target, secrets: secretsWith(secrets, secretDigests) })),
  );
}

/** Another digest means that the container is made again. */
export function workspaceDigest(spec: WorkspaceSpec, secretDigests: Readonly<Record<string, string>> = {}): string {
  const made: Record<string, unknown> = { ...spec };
  for (const key of notMadeFrom) delete made[key];
  if (spec.memory !== undefined) made['memory'] = sizeInBytes(spec.memory);
  if (spec.shm !== undefined) made['shm'] = sizeInBytes(spec.shm);
  made['secrets'] = secretsWith(spec.secrets, secretDigests);
  // A container leaves the engine's own network only by being made again; networks of ours are joined and left as it runs.
  made['hasNetworks'] = spec.networks.length > 0;
  return digestOf(canonicalize(withoutDefaults(made)));
}

function secretsWith(
  refs: Readonly<Record<string, string>>,
  digests: Readonly<Record<string, string>>,
): Record<string, readonly string[]> {
  return Object.fromEntries(Object.entries(refs).map(([name, ref]) => [name, [ref, digests[ref] ?? '']]));
}

// A field that a later release adds, with nothing in it, must not make every container again.
function withoutDefaults(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(record).filter(
      ([key, value]) => value !== undefined && value !== false && (emptyCounts.has(key) || !isEmpty(value)),
    ),
  );
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

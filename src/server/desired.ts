import { createHmac, type KeyObject } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { canonicalize } from '../base/canonical-json.ts';
import { signText } from '../base/fleet-keys.ts';
import { sealText } from '../base/sealed-box.ts';
import type { SignedDesiredState } from '../contracts/agent-wire.ts';
import { type HostSpec, networkSpecSchema, volumeSpecSchema, workspaceSpecSchema } from '../contracts/host-spec.ts';
import type { StoredHost } from './host-store.ts';
import type { Revision } from './revisions.ts';

export interface DesiredKeys {
  /** Ed25519, the server's own. */
  readonly identity: KeyObject;
  readonly atRest: Uint8Array;
}

/** What a host is told of its latest revision: secrets sealed to its key, all of it signed. */
export function desiredStateOf(
  { hostId, sealingKey }: Pick<StoredHost, 'hostId' | 'sealingKey'>,
  { change, spec, secrets }: Revision,
  keys: DesiredKeys,
): SignedDesiredState {
  const entries = Object.entries(secrets);
  const state: SignedDesiredState['state'] = {
    hostId,
    revision: change.revision,
    specDigest: change.specDigest,
    spec: withoutDefaults(spec),
    sealed: Object.fromEntries(entries.map(([ref, value]) => [ref, sealText(sealingKey, value, ref)])),
    secretDigests: Object.fromEntries(entries.map(([ref, value]) => [ref, secretDigest(keys.atRest, value)])),
  };
  return { state, signature: signText(keys.identity, canonicalize(state)) };
}

/** The tag of a revision as one host key has it: after a rotation the secrets are sealed anew. */
export function desiredTag({ sealingKey }: Pick<StoredHost, 'sealingKey'>, revision: number): string {
  return `"${revision}-${sealingKey.slice(0, 12)}"`;
}

/** Keyed, so that a guess at the value cannot be checked against it. */
export function secretDigest(atRest: Uint8Array, value: string): string {
  return createHmac('sha256', atRest).update(`secret digest\n${value}`).digest('base64url');
}

const { image: _, ...workspaceDefaults } = workspaceSpecSchema.parse({ image: 'any' });
const [networkDefaults, volumeDefaults] = [networkSpecSchema.parse({}), volumeSpecSchema.parse({})];

// An agent of an earlier release refuses a field that it does not know: it hears of one only where it is used.
function withoutDefaults(spec: HostSpec): SignedDesiredState['state']['spec'] {
  return {
    ...spec,
    networks: eachWithout(networkDefaults, spec.networks),
    volumes: eachWithout(volumeDefaults, spec.volumes),
    workspaces: eachWithout(workspaceDefaults, spec.workspaces),
  };
}

function eachWithout<Each extends object>(
  defaults: Partial<NoInfer<Each>>,
  named: Readonly<Record<string, Each>>,
): Record<string, Each> {
  const usual = new Map<string, unknown>(Object.entries(defaults));
  const isSet = ([key, value]: [string, unknown]) => !usual.has(key) || !isDeepStrictEqual(value, usual.get(key));
  return Object.fromEntries(
    // Whoever reads it puts the same in their place.
    Object.entries(named).map(([name, each]) => [name, Object.fromEntries(Object.entries(each).filter(isSet)) as Each]),
  );
}

import { hostLabels } from '../contracts/fleet-names.ts';
import type { ObservedNetwork } from '../contracts/host-observation.ts';
import type { NetworkSpec } from '../contracts/host-spec.ts';
import { addStep, isThere, labelsOf, type Pass, type Readiness, readyAfter, tell } from './pass.ts';
import { networkDigest } from './spec-digest.ts';
import type { Move } from './step.ts';

export interface NetworkReadiness extends Readiness {
  /** Every container leaves it and has to join it again. */
  readonly isRemade: boolean;
}

/** Makes the networks that are declared, and makes those again that are declared otherwise than they were made. */
export function reconcileNetworks(pass: Pass): Map<string, NetworkReadiness> {
  const declared = Object.entries(pass.target.spec.networks);
  return new Map(declared.map(([name, spec]) => [name, networkReadiness(pass, name, spec)]));
}

function networkReadiness(pass: Pass, name: string, spec: NetworkSpec): NetworkReadiness {
  const held = pass.inventory.networks.get(name);
  const digest = networkDigest(spec);
  if (held === undefined)
    return { ...create(pass, { name, spec, digest, reason: 'it is not there' }), isRemade: false };
  if (!held.isOurs) {
    tell(
      pass,
      name,
      `Cannot make network "${name}": one of this name is not ours`,
      'Remove it, or declare another name.',
    );
    return { after: [], blockedBy: `its network "${name}" is not ours`, isRemade: false };
  }
  if (held.item.labels[hostLabels.spec] === digest) return { ...isThere, isRemade: false };
  const reason = 'it is declared otherwise than it was made';
  const removal = removeUnlessUsed(pass, held.item, reason, []);
  if (removal === undefined) return { ...isThere, isRemade: false };
  return { ...create(pass, { name, spec, digest, reason, after: [removal] }), isRemade: true };
}

/** Removes networks of ours that are no longer declared, once these steps are done. */
export function removeNetworks(pass: Pass, after: readonly number[]): void {
  for (const [name, { item, isOurs }] of pass.inventory.networks) {
    if (!isOurs || Object.hasOwn(pass.target.spec.networks, name)) continue;
    removeUnlessUsed(pass, item, 'it is not declared any more', after);
  }
}

function removeUnlessUsed(
  pass: Pass,
  { id, name }: ObservedNetwork,
  reason: string,
  after: readonly number[],
): number | undefined {
  // What takes its time to end is still on it, and what comes after it may be made on it.
  if (pass.busy.size > 0) return undefined;
  const attached = [...pass.inventory.containers.values()].filter(({ item }) => item.networks.includes(name));
  const others = attached.filter(({ isOurs }) => !isOurs).map(({ item }) => `"${item.name}"`);
  if (others.length > 0) {
    const message = `Cannot remove network "${name}" (${reason}): containers that are not ours are on it: ${others.join(', ')}`;
    tell(pass, name, message, `Disconnect them: docker network disconnect ${name} <container>`);
    return undefined;
  }
  const moves: Move[] = attached.map(({ item }) => ({ do: 'disconnect', network: id, container: item.id }));
  moves.push({ do: 'remove-network', network: id });
  return addStep(pass, { kind: 'remove-network', name, reason, moves, after, fingerprint: id });
}

interface NewNetwork {
  readonly name: string;
  readonly spec: NetworkSpec;
  readonly digest: string;
  readonly reason: string;
  readonly after?: readonly number[];
}

function create(pass: Pass, { name, spec, digest, reason, after = [] }: NewNetwork): Readiness {
  const labels = { ...spec.labels, ...labelsOf(pass, { kind: 'network', name, digest }) };
  const moves: Move[] = [{ do: 'create-network', network: name, spec, labels }];
  const step = addStep(pass, { kind: 'create-network', name, reason, moves, after, fingerprint: digest });
  return readyAfter(step, `its network "${name}" could not be made`);
}

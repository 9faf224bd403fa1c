import { hostLabels } from '../contracts/fleet-names.ts';
import type { ObservedContainer } from '../contracts/host-observation.ts';
import type { PortSpec, WorkspaceSpec } from '../contracts/host-spec.ts';
import { isUp } from './gate.ts';
import type { Pass } from './pass.ts';
import { addressesMeet } from './port-address.ts';

/** Ports of the host, as a label of the container that has them: `0.0.0.0:80/tcp 127.0.0.1:53/udp`. */
export function portsLabel({ ports }: WorkspaceSpec): string {
  return ports.flatMap((port) => (port.host === undefined ? [] : [textOf(port, port.host)])).join(' ');
}

/**
 * Why a declared workspace cannot have its ports yet: a container that is still to be replaced has them. Where several wait
 * for each other in a circle the first by name does not wait.
 */
export function portWaits(pass: Pass): Map<string, string> {
  const waits = new Map<string, { readonly port: string; readonly holders: ReadonlySet<string> }>();
  const held = heldPorts(pass);
  for (const [name, spec] of Object.entries(pass.target.spec.workspaces)) {
    for (const port of portsLabel(spec).split(' ')) {
      const holders = held
        .filter((one) => one.workspace !== name && meet(one.port, port))
        .map(({ workspace }) => workspace);
      if (holders.length === 0) continue;
      waits.set(name, { port, holders: new Set([...(waits.get(name)?.holders ?? []), ...holders]) });
    }
  }
  const reached = reachedFrom((name) => waits.get(name)?.holders ?? new Set());
  const reasons = new Map<string, string>();
  for (const [name, { port, holders }] of waits) {
    if (isFirstOfCircle(name, reached)) continue;
    reasons.set(
      name,
      `host port ${port} is still held by workspace ${[...holders].map((one) => `"${one}"`).join(', ')}`,
    );
  }
  return reasons;
}

/** Whether a container cannot run any more because what it was made with is now declared for another workspace. */
export function isPortDeclaredElsewhere({ target }: Pass, name: string, container: ObservedContainer): boolean {
  const others = Object.entries(target.spec.workspaces).filter(([other, { running }]) => running && other !== name);
  const ports = others.flatMap(([, spec]) => portsLabel(spec).split(' '));
  return portsOf(container).some((held) => ports.some((port) => meet(held, port)));
}

interface HeldPort {
  readonly workspace: string;
  readonly port: string;
}

/** Those that other declared workspaces have; those of undeclared ones go in this very decision. */
function heldPorts({ inventory, target }: Pass): HeldPort[] {
  return [...inventory.containers.values()].flatMap(({ item, isOurs }) => {
    const workspace = item.labels[hostLabels.name];
    const isDeclared = workspace !== undefined && Object.hasOwn(target.spec.workspaces, workspace);
    if (!isOurs || !isDeclared || !isUp(item)) return [];
    return portsOf(item).map((port) => ({ workspace, port }));
  });
}

function portsOf({ labels }: ObservedContainer): string[] {
  return (labels[hostLabels.ports] ?? '').split(' ').filter((port) => port !== '');
}

function textOf({ address, protocol }: PortSpec, host: number): string {
  return `${address}:${host}/${protocol}`;
}

function meet(one: string, other: string): boolean {
  const [oneAddress, onePort] = splitAddress(one);
  const [otherAddress, otherPort] = splitAddress(other);
  return onePort === otherPort && onePort !== '' && addressesMeet(oneAddress, otherAddress);
}

function splitAddress(text: string): [string, string] {
  const colon = text.lastIndexOf(':');
  return [text.slice(0, Math.max(0, colon)), text.slice(colon + 1)];
}

type Reached = (name: string) => ReadonlySet<string>;

function isFirstOfCircle(name: string, reached: Reached): boolean {
  const circle = [...reached(name)].filter((one) => reached(one).has(name));
  return circle.length > 0 && circle.every((one) => name <= one);
}

/** All that a name leads to, each walked once. */
function reachedFrom(next: Reached): Reached {
  const known = new Map<string, ReadonlySet<string>>();
  return (from) => {
    const before = known.get(from);
    if (before !== undefined) return before;
    const found = new Set<string>();
    const open = [...next(from)];
    for (let one = open.pop(); one !== undefined; one = open.pop()) {
      if (found.has(one)) continue;
      found.add(one);
      open.push(...next(one));
    }
    known.set(from, found);
    return found;
  };
}

import type { HostSpec, PortSpec } from '../contracts/host-spec.ts';
import { addressesMeet } from './port-address.ts';
import type { SpecProblem } from './spec-problem.ts';

interface PlacedPort {
  readonly workspace: string;
  readonly index: number;
  readonly port: PortSpec;
}

/** Ports of the host that two workspaces would have at once, or that nobody can have. */
export function checkPorts(spec: HostSpec): SpecProblem[] {
  const problems: SpecProblem[] = [];
  const byNumber = new Map<string, PlacedPort[]>();
  for (const [workspace, { ports, running, networks, updateStrategy }] of Object.entries(spec.workspaces)) {
    const isOffHost = networks.length > 0 && networks.every((name) => driverOf(spec, name) === 'macvlan');
    ports.forEach((port, index) => {
      const path = ['workspaces', workspace, 'ports', index];
      if (isOffHost) problems.push({ path, message: 'is not published: it is on macvlan networks alone' });
      if (port.host === undefined || !running) return;
      if (updateStrategy.order === 'start-first') {
        const message = `host port ${port.host} cannot be with the old and the new container at once: leave "host" out, or use stop-first`;
        problems.push({ path, message });
      }
      const key = `${port.protocol} ${port.host}`;
      const placed = byNumber.get(key) ?? [];
      const other = placed.find((one) => addressesMeet(one.port.address, port.address));
      if (other !== undefined) problems.push({ path, message: taken({ workspace, index, port }, other) });
      byNumber.set(key, [...placed, { workspace, index, port }]);
    });
  }
  return problems;
}

function driverOf({ networks }: HostSpec, name: string): string | undefined {
  return Object.hasOwn(networks, name) ? networks[name]?.driver : undefined;
}

function taken({ workspace, port }: PlacedPort, other: PlacedPort): string {
  const by = other.workspace === workspace ? `ports[${other.index}]` : `workspace "${other.workspace}"`;
  return `host port ${port.host}/${port.protocol} is taken by ${by}`;
}

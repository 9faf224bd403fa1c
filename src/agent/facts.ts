import { availableParallelism, hostname, release, totalmem } from 'node:os';
import type { HostFacts } from '../contracts/fleet.ts';
import { hostNameSchema } from '../contracts/fleet-ids.ts';
import type { HostEngine, HostEngineInformation } from '../engine/host-engine.ts';

export interface FactsOptions {
  readonly engine: HostEngine;
  readonly version: string;
  readonly isContainer: boolean;
  readonly metricsFrom: HostFacts['metricsFrom'];
  readonly gpus: readonly string[];
  /** Undefined while the engine does not answer. */
  readonly host: HostEngineInformation | undefined;
}

/** What the engine says of its host counts: the agent may be in a container, which has other figures. */
export function factsOf({ engine, version, isContainer, metricsFrom, gpus, host }: FactsOptions): HostFacts {
  return {
    agentVersion: version,
    operatingSystem: (host?.distribution ?? process.platform).slice(0, 256),
    kernel: (host?.kernel ?? release()).slice(0, 256),
    architecture: host?.architecture ?? process.arch,
    cpus: host?.cpus ?? availableParallelism(),
    memoryBytes: host?.memoryBytes ?? totalmem(),
    ...(host !== undefined && {
      engine: { name: host.product, version: host.version.slice(0, 64), address: engine.address.slice(0, 1024) },
    }),
    gpus: [...gpus],
    isContainer,
    metricsFrom,
  };
}

/** A name that a server takes, as near as it can be to what the machine is called. */
export function hostNameOf(text: string): string {
  const name = text.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  const parsed = hostNameSchema.safeParse(name.slice(0, 63));
  return parsed.success ? parsed.data : 'host';
}

/** What this machine calls itself; in a container, what the engine's machine does. */
export function machineName(isContainer: boolean, host: HostEngineInformation | undefined): string {
  return hostNameOf(isContainer && host !== undefined ? host.hostName : hostname());
}

import { availableParallelism, hostname, release, totalmem } from 'node:os';
import { withDeadline } from '../base/deadline.ts';
import type { HostFacts } from '../contracts/fleet.ts';
import { hostNameSchema } from '../contracts/fleet-ids.ts';
import type { HostEngine, HostEngineInformation } from '../engine/host-engine.ts';

export interface FactsOptions {
  readonly engine: HostEngine;
  readonly version: string;
  readonly isContainer: boolean;
  readonly metricsFrom: () => HostFacts['metricsFrom'];
  readonly gpuNames: () => Promise<string[]>;
  /** Undefined while the engine has not answered. */
  readonly host: HostEngineInformation | undefined;
}

const answerMs = 30_000;

/** What is told of the machine. What the engine says of its host counts: the agent may be in a container. */
export class Facts {
  readonly #options: FactsOptions;
  #host: HostEngineInformation | undefined;
  #gpus: readonly string[] = [];
  #told = '';

  constructor(options: FactsOptions) {
    this.#options = options;
    this.#host = options.host;
  }

  get host(): HostEngineInformation | undefined {
    return this.#host;
  }

  get current(): HostFacts {
    const { engine, version, isContainer, metricsFrom } = this.#options;
    const host = this.#host;
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
      gpus: [...this.#gpus],
      isContainer,
      metricsFrom: metricsFrom(),
    };
  }

  /** Undefined while the server knows them. */
  get news(): HostFacts | undefined {
    const { current } = this;
    return JSON.stringify(current) === this.#told ? undefined : current;
  }

  told(facts: HostFacts): void {
    this.#told = JSON.stringify(facts);
  }

  /** Asks engine and devices again. Never fails: what does not answer stays as it was. */
  async learn(signal: AbortSignal): Promise<void> {
    const { engine, gpuNames } = this.#options;
    const [host, gpus] = await Promise.allSettled([engine.describeHost(withDeadline(answerMs, signal)), gpuNames()]);
    if (host.status === 'fulfilled') this.#host = host.value;
    if (gpus.status === 'fulfilled') this.#gpus = gpus.value;
  }
}

/** A name that a server takes, as near as it can be to what the machine is called. */
function hostNameOf(text: string): string {
  const name = text.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  const parsed = hostNameSchema.safeParse(name.slice(0, 63));
  return parsed.success ? parsed.data : 'host';
}

/** What this machine calls itself; in a container, what the engine's machine does. */
export function machineName(isContainer: boolean, host: HostEngineInformation | undefined): string {
  return hostNameOf(isContainer && host !== undefined ? host.hostName : hostname());
}

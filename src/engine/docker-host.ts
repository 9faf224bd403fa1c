import { connectDocker, type DockerConnectionOptions, type DockerTarget } from './docker-connection.ts';
import { hostContainerCalls } from './docker-host-containers.ts';
import type { SeenContainer } from './docker-host-containers-seen.ts';
import { hostEvents } from './docker-host-events.ts';
import { runHelper } from './docker-host-helper.ts';
import { hostImageCalls } from './docker-host-images.ts';
import { describeHost } from './docker-host-information.ts';
import { hostObserveCalls } from './docker-host-observe.ts';
import { hostResourceCalls } from './docker-host-resources.ts';
import { usageOf } from './docker-host-usage.ts';
import { ping } from './docker-ping.ts';
import type { HostEngine } from './host-engine.ts';

/** A host's engine that speaks the Docker API: at an endpoint, or through a client the caller made. */
export function dockerHostEngine(target: DockerTarget, options: DockerConnectionOptions = {}): HostEngine {
  const connection = connectDocker(target, options);
  const seen = new Map<string, SeenContainer>();
  const resources = hostResourceCalls(connection);
  const containers = hostContainerCalls(connection, resources.connectNetwork);
  let memoryBytes: number | undefined;
  return {
    address: connection.address,
    ping: (signal) => ping(connection, signal),
    describeHost: (signal) => describeHost(connection, signal),
    ...hostObserveCalls(connection, seen),
    ...resources,
    ...containers,
    async startContainer(reference, signal) {
      // A start that fails leaves a reason that no list shows.
      seen.clear();
      await containers.startContainer(reference, signal);
    },
    ...hostImageCalls(connection),
    events: (signal) => hostEvents(connection, signal, (container) => seen.delete(container)),
    async usageOf(container, signal) {
      memoryBytes ??= (await describeHost(connection, signal)).memoryBytes;
      return await usageOf(connection, container, { memoryBytes, signal });
    },
    runHelper: (helper, signal) => runHelper(connection, containers, { helper, signal }),
  };
}

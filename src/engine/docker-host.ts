import { connectDocker, type DockerConnectionOptions, type DockerTarget } from './docker-connection.ts';
import { hostContainerCalls } from './docker-host-containers.ts';
import { SeenContainers } from './docker-host-containers-seen.ts';
import { hostEvents } from './docker-host-events.ts';
import { runHelper } from './docker-host-helper.ts';
import { hostImageCalls } from './docker-host-images.ts';
import { SeenImages } from './docker-host-images-seen.ts';
import { describeHost } from './docker-host-information.ts';
import { hostObserveCalls } from './docker-host-observe.ts';
import { hostResourceCalls } from './docker-host-resources.ts';
import { usageOf } from './docker-host-usage.ts';
import { ping } from './docker-ping.ts';
import type { HostEngine } from './host-engine.ts';

/** A host's engine that speaks the Docker API: at an endpoint, or through a client the caller made. */
export function dockerHostEngine(target: DockerTarget, options: DockerConnectionOptions = {}): HostEngine {
  const connection = connectDocker(target, options);
  const seen = new SeenContainers();
  const images = new SeenImages();
  const imageCalls = hostImageCalls(connection);
  const observing = hostObserveCalls(connection, seen);
  const resources = hostResourceCalls(connection);
  const containers = hostContainerCalls(connection, resources.connectNetwork);
  let memoryBytes: number | undefined;
  return {
    address: connection.address,
    ping: (signal) => ping(connection, signal),
    describeHost: (signal) => describeHost(connection, signal),
    ...observing,
    observeImages: (signal) => images.list(() => observing.observeImages(signal)),
    ...resources,
    ...containers,
    async startContainer(reference, signal) {
      // A start that fails leaves a reason that no list shows.
      seen.details.clear();
      await containers.startContainer(reference, signal);
    },
    push: imageCalls.push,
    pull: images.changing(imageCalls.pull),
    build: images.changing(imageCalls.build),
    tagImage: images.changing(imageCalls.tagImage),
    removeImage: images.changing(imageCalls.removeImage),
    events: (signal) =>
      hostEvents(connection, signal, {
        begun: () => images.followed(),
        ended: () => images.lost(),
        changed({ type, action }, id) {
          if (type === 'image') images.changed();
          if (type === 'container') seen.heard(action, id);
        },
      }),
    async usageOf(container, signal) {
      memoryBytes ??= (await describeHost(connection, signal)).memoryBytes;
      return await usageOf(connection, container, { memoryBytes, signal });
    },
    runHelper: (helper, signal) => runHelper(connection, containers, { helper, signal }),
  };
}

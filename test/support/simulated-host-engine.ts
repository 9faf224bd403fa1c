import { familiarReference } from '../../src/base/image-reference.ts';
import { AppError } from '../../src/contracts/errors.ts';
import type { HostEngine, WorkspaceContainer } from '../../src/engine/host-engine.ts';
import { type Fault, SimulatedCalls } from './simulated-calls.ts';
import type { SimulatedContainer, SimulatedState } from './simulated-state.ts';

/** An engine in memory, as one life of an agent sees it. For tests only. */
export class SimulatedHostEngine implements HostEngine {
  readonly address = 'simulated';
  readonly #state: SimulatedState;
  readonly #calls: SimulatedCalls;

  constructor(state: SimulatedState, fault: (call: string) => Fault = () => 'none') {
    this.#state = state;
    this.#calls = new SimulatedCalls(state, fault);
  }

  /** Whether the agent whose engine this is has ended. */
  get isDead(): boolean {
    return this.#calls.isDead;
  }

  /** Its agent ends now: no call that is under way has an effect any more. */
  die(): void {
    this.#calls.isDead = true;
  }

  ping(): Promise<void> {
    return this.#calls.call('ping', () => {});
  }

  observeContainers() {
    const state = this.#state;
    return this.#calls.call('observe', () =>
      [...state.containers.values()].map((container) => state.observed(container)),
    );
  }

  observeNetworks() {
    return this.#calls.call('observe', () => [...this.#state.networks.values()].map((one) => structuredClone(one)));
  }

  observeVolumes() {
    return this.#calls.call('observe', () => [...this.#state.volumes.values()].map((one) => structuredClone(one)));
  }

  observeImages() {
    return this.#calls.call('observe', () => [...this.#state.images.values()].map((one) => structuredClone(one)));
  }

  createNetwork: HostEngine['createNetwork'] = (name, spec, { labels }) =>
    this.#calls.change('createNetwork', (state) => {
      const { networks } = state;
      if (networks.has(name)) throw taken('network', name);
      const made = state.id('network');
      networks.set(name, { id: made, name, driver: spec.driver, labels: { ...labels } });
      return made;
    });

  removeNetwork: HostEngine['removeNetwork'] = (reference) =>
    this.#calls.change('removeNetwork', ({ networks, containers }) => {
      const network = [...networks.values()].find(({ id, name }) => id === reference || name === reference);
      if (network === undefined) return;
      this.#touch('remove network', network);
      const user = [...containers.values()].find((one) => one.networks.has(network.name) && one.status === 'running');
      if (user !== undefined) throw conflict(`network "${network.name}" is used by "${user.name}"`);
      for (const one of containers.values()) one.networks.delete(network.name);
      networks.delete(network.name);
    });

  connectNetwork: HostEngine['connectNetwork'] = (network, reference) =>
    this.#calls.change('connectNetwork', (state) => {
      const container = this.#container(reference);
      const found = [...state.networks.values()].find(({ id, name }) => id === network || name === network);
      if (found === undefined) throw missing('network', network);
      this.#touch('connect', container);
      container.networks.add(found.name);
    });

  disconnectNetwork: HostEngine['disconnectNetwork'] = (network, reference) =>
    this.#calls.change('disconnectNetwork', (state) => {
      const container = this.#container(reference);
      const found = [...state.networks.values()].find(({ id, name }) => id === network || name === network);
      this.#touch('disconnect', container);
      container.networks.delete(found?.name ?? network);
    });

  createVolume: HostEngine['createVolume'] = (name, spec, { labels }) =>
    this.#calls.change(
      'createVolume',
      ({ volumes, halfVolumes }) => {
        if (!volumes.has(name) || halfVolumes.delete(name)) {
          volumes.set(name, { name, driver: spec.driver, labels: { ...labels } });
          return;
        }
        const made = volumes.get(name)?.labels ?? {};
        if (Object.entries(labels).some(([label, value]) => made[label] !== value)) throw taken('volume', name);
      },
      ({ volumes, halfVolumes }) => {
        if (volumes.has(name)) return;
        volumes.set(name, { name, driver: spec.driver, labels: {} });
        halfVolumes.add(name);
      },
    );

  removeVolume: HostEngine['removeVolume'] = (name) =>
    this.#calls.change('removeVolume', ({ volumes, containers }) => {
      const volume = volumes.get(name);
      if (volume === undefined) return;
      this.#touch('remove volume', volume);
      const user = [...containers.values()].find(({ spec }) =>
        spec?.mounts.some((mount) => mount.type === 'volume' && mount.volume === name),
      );
      if (user !== undefined) throw conflict(`volume "${name}" is used by "${user.name}"`);
      volumes.delete(name);
    });

  createWorkspace(container: WorkspaceContainer): Promise<string> {
    return this.#calls.change('createWorkspace', (state) => {
      const { name, spec, imageId, labels } = container;
      if (state.containerOf(name) !== undefined) throw taken('container', name);
      if (!state.images.has(imageId))
        throw new AppError('image-missing', `Cannot make "${name}": no image "${imageId}"`);
      for (const network of spec.networks) if (!state.networks.has(network)) throw missing('network', network);
      const networks = new Set(spec.networks.length === 0 ? ['bridge'] : spec.networks);
      return state.addContainer({ name, spec, imageId, labels: { ...labels }, networks }).id;
    });
  }

  startContainer(reference: string): Promise<void> {
    return this.#calls.change('startContainer', (state) => {
      const container = this.#container(reference);
      this.#touch('start', container);
      if (container.status === 'running') return;
      state.start(container);
    });
  }

  stopContainer: HostEngine['stopContainer'] = (reference, graceMs, signal) =>
    this.#calls.change('stopContainer', (state) => {
      const container = this.#container(reference);
      this.#touch('stop', container);
      if (container.status !== 'running' && container.status !== 'paused') return;
      if (signal?.aborted !== true) return state.end(container, 143);
      // It ends though nobody waits for it any more.
      container.endsAtMs = state.nowMs + graceMs;
      throw signal.reason;
    });

  renameContainer: HostEngine['renameContainer'] = (reference, name) =>
    this.#calls.change('renameContainer', (state) => {
      const container = this.#container(reference);
      this.#touch('rename', container);
      if (state.containerOf(name) !== undefined) throw taken('container', name);
      container.name = name;
    });

  removeContainer: HostEngine['removeContainer'] = (reference) =>
    this.#calls.change('removeContainer', (state) => {
      const container = state.containerOf(reference);
      if (container === undefined) return;
      this.#touch('remove', container);
      state.containers.delete(container.id);
    });

  pull: HostEngine['pull'] = (reference) =>
    this.#calls.change('pull', (state) => {
      const tag = familiarReference(reference);
      const id = state.registry.get(tag);
      if (id === undefined) throw missing('image', reference);
      if (!state.images.has(id)) state.addImage({ id });
      state.moveTag(tag, id);
      return id;
    });

  build: HostEngine['build'] = (_context, { tag, labels }) =>
    this.#calls.change('build', (state) => {
      const id = state.id('image');
      state.addImage({ id, labels: { ...labels } });
      state.moveTag(familiarReference(tag), id);
      return id;
    });

  push: HostEngine['push'] = () => this.#calls.call('push', () => `sha256:${'0'.repeat(64)}`);

  tagImage: HostEngine['tagImage'] = (reference, tag) =>
    this.#calls.change('tagImage', (state) => {
      const tagged = familiarReference(reference);
      const image = state.images.get(reference) ?? [...state.images.values()].find(({ tags }) => tags.includes(tagged));
      if (image === undefined) throw missing('image', reference);
      state.moveTag(familiarReference(tag), image.id);
    });

  removeImage: HostEngine['removeImage'] = (reference) =>
    this.#calls.change('removeImage', ({ images, containers }) => {
      const image = images.get(reference);
      if (image === undefined) return;
      this.#touch('remove image', { name: image.id, labels: image.labels });
      const user = [...containers.values()].find(({ imageId }) => imageId === image.id);
      if (user !== undefined) throw conflict(`image "${reference}" is used by "${user.name}"`);
      images.delete(image.id);
    });

  describeHost(): ReturnType<HostEngine['describeHost']> {
    throw new Error('not simulated');
  }

  events(_signal: AbortSignal): ReturnType<HostEngine['events']> {
    throw new Error('not simulated');
  }

  usageOf(): never {
    throw new Error('not simulated');
  }

  runHelper(): never {
    throw new Error('not simulated');
  }

  #container(reference: string): SimulatedContainer {
    const container = this.#state.containerOf(reference);
    if (container === undefined) throw missing('container', reference);
    return container;
  }

  #touch(action: string, { name, labels }: { name: string; labels: Readonly<Record<string, string>> }): void {
    this.#state.onTouch({ action, name, labels });
  }
}

function taken(kind: string, name: string): AppError {
  return new AppError('task-conflict', `Cannot make ${kind} "${name}": its name is taken`);
}

function missing(kind: string, name: string): AppError {
  return new AppError('not-found', `Cannot find ${kind} "${name}": it is not there`);
}

function conflict(message: string): AppError {
  return new AppError('task-conflict', `Cannot remove: ${message}`);
}

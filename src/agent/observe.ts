import { hostLabels } from '../contracts/fleet-names.ts';
import type { HostObservation } from '../contracts/host-observation.ts';
import type { HostEngine } from '../engine/host-engine.ts';

export interface ObserveOptions {
  /** Of the file system where the engine keeps images and volumes. Default: not known. */
  readonly disk?: () => Promise<HostObservation['disk']>;
  readonly signal?: AbortSignal;
}

/** What the engine has now. It is whole, or it fails: half an observation would look like containers that are gone. */
export async function observe(engine: HostEngine, { disk, signal }: ObserveOptions = {}): Promise<HostObservation> {
  const observedAt = new Date().toISOString();
  const [containers, networks, volumes, images, space] = await Promise.all([
    engine.observeContainers(signal),
    engine.observeNetworks(signal),
    engine.observeVolumes(signal),
    engine.observeImages(signal),
    disk?.(),
  ]);
  return { observedAt, containers, networks, volumes, images, ...(space === undefined ? {} : { disk: space }) };
}

/** What people call something that the engine knows by this id. */
export function nameOfId({ containers, networks, images }: HostObservation, id: string): string | undefined {
  const container = containers.find((one) => one.id === id);
  if (container !== undefined) return container.labels[hostLabels.name] ?? container.name;
  return networks.find((one) => one.id === id)?.name ?? images.find((one) => one.id === id)?.tags[0];
}

/** What the server is told of it: of what is not ours, the name and no more than the engine has to show. */
export function reportable(observed: HostObservation, hostId: string): HostObservation {
  const withoutOthersLabels = <T extends { readonly labels: Record<string, string> }>(items: readonly T[]): T[] =>
    items.map((item) => (item.labels[hostLabels.host] === hostId ? item : { ...item, labels: {} }));
  return {
    ...observed,
    containers: withoutOthersLabels(observed.containers),
    networks: withoutOthersLabels(observed.networks),
    volumes: withoutOthersLabels(observed.volumes),
    images: withoutOthersLabels(observed.images),
  };
}

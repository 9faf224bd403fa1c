import { familiarReference } from '../base/image-reference.ts';
import { hostLabels, nextContainerName, previousContainerName } from '../contracts/fleet-names.ts';
import type {
  HostObservation,
  ObservedContainer,
  ObservedImage,
  ObservedNetwork,
  ObservedVolume,
} from '../contracts/host-observation.ts';

export interface Held<T> {
  readonly item: T;
  readonly isOurs: boolean;
}

/** An observation by name, and what of it is ours. */
export interface Inventory {
  readonly networks: ReadonlyMap<string, Held<ObservedNetwork>>;
  readonly volumes: ReadonlyMap<string, Held<ObservedVolume>>;
  readonly containers: ReadonlyMap<string, Held<ObservedContainer>>;
  /** Containers with labels of ours under names that we did not give. */
  readonly strays: readonly ObservedContainer[];
  readonly images: ReadonlyMap<string, ObservedImage>;
  /** Ids of images that a container is made of. */
  readonly usedImages: ReadonlySet<string>;
}

export function inventoryOf(observed: HostObservation, hostId: string): Inventory {
  const isOf = (labels: Readonly<Record<string, string>>, kind: string) =>
    labels[hostLabels.host] === hostId && labels[hostLabels.kind] === kind;
  const isWorkspace = (container: ObservedContainer) => isOf(container.labels, 'workspace');
  return {
    networks: byName(
      observed.networks,
      ({ name, labels }) => isOf(labels, 'network') && labels[hostLabels.name] === name,
    ),
    volumes: byName(observed.volumes, ({ name, labels }) => isOf(labels, 'volume') && labels[hostLabels.name] === name),
    containers: byName(observed.containers, (container) => isWorkspace(container) && hasNameOfOurs(container)),
    strays: observed.containers.filter((container) => isWorkspace(container) && !hasNameOfOurs(container)),
    images: imagesByReference(observed.images),
    usedImages: new Set(observed.containers.map(({ imageId }) => imageId)),
  };
}

/** The image that a reference or an id names. */
export function findImage({ images }: Inventory, reference: string): ObservedImage | undefined {
  return images.get(reference) ?? images.get(familiarReference(reference));
}

// An image made of a container of ours carries its labels into containers of others: a name that we gave is asked for as well.
function hasNameOfOurs({ name, labels }: ObservedContainer): boolean {
  const workspace = labels[hostLabels.name];
  if (workspace === undefined) return false;
  return name === workspace || name === nextContainerName(workspace) || name === previousContainerName(workspace);
}

function byName<T extends { readonly name: string }>(
  items: readonly T[],
  isOurs: (item: T) => boolean,
): Map<string, Held<T>> {
  const named = new Map<string, Held<T>>();
  for (const item of items) {
    // Engines may have two networks of one name.
    if (named.get(item.name)?.isOurs !== true) named.set(item.name, { item, isOurs: isOurs(item) });
  }
  return named;
}

function imagesByReference(images: readonly ObservedImage[]): Map<string, ObservedImage> {
  const named = new Map<string, ObservedImage>();
  for (const image of images) {
    named.set(image.id, image);
    for (const reference of [...image.repositoryDigests, ...image.tags]) named.set(familiarReference(reference), image);
  }
  return named;
}

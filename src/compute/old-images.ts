import { leftoverAgeMs } from '../base/leftovers.ts';
import { workerImage } from '../contracts/names.ts';
import type { Engine } from '../engine/engine.ts';
import { buildLabel } from './image-builds.ts';

/** An image of a worker that is not this package's. */
export interface OldImage {
  readonly tag: string;
  readonly sizeBytes: number;
  readonly labels: Readonly<Record<string, string>>;
}

export interface OldImageSearch {
  /** Of the worker that stays. */
  readonly digest: string;
  readonly now: number;
}

const ownTag = new RegExp(`^${workerImage.repository}:([0-9a-f]{64})(-|$)`);

/**
 * Images that other versions of this package left: ours by tag and label alike, older than a day, used by no container,
 * running or not, and not the seed's. A version that is still in use builds its image again.
 */
export async function findOldImages(engine: Engine, { digest, now }: OldImageSearch): Promise<OldImage[]> {
  const [images, containers, latest] = await Promise.all([
    engine.listImages(workerImage.repository),
    engine.listContainers({}),
    engine.inspectImage(workerImage.latest),
  ]);
  const kept = new Set([latest?.id, ...containers.map(({ imageId }) => imageId)]);
  const old = images.filter(({ id, createdAtMs }) => !kept.has(id) && now - createdAtMs > leftoverAgeMs);
  const found: OldImage[] = [];
  for (const tag of old.flatMap(({ tags }) => tags)) {
    const tagged = ownTag.exec(tag)?.[1];
    if (tagged === undefined || tagged === digest) continue;
    const image = await engine.inspectImage(tag);
    if (image?.labels[workerImage.digestLabel] !== tagged) continue;
    found.push({ tag, sizeBytes: image.sizeBytes, labels: image.labels });
  }
  return found;
}

/** Raises `task-conflict` when a container uses it by now. */
export async function removeOldImage(engine: Engine, { tag, labels }: OldImage): Promise<void> {
  await engine.removeImage(tag);
  const build = labels[buildLabel];
  if (build !== undefined) await engine.pruneImages({ [buildLabel]: build });
}

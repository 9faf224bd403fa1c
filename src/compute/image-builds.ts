import { leftoverAgeMs } from '../base/leftovers.ts';
import { isAppError } from '../contracts/errors.ts';
import type { Engine } from '../engine/engine.ts';

/** Tags of images that are being built: `<build>` and, for the one it is built on, `base-<build>`. */
export const buildRepository = 'agora-worker-build';

/** On each image of a build, with its name. */
export const buildLabel = 'agora.build';

/** Removes what builds that were killed left in the engine: older than a day, so that none still runs. */
export async function removeOldBuilds(engine: Engine, now: number): Promise<void> {
  const images = await engine.listImages(buildRepository);
  const old = images.filter(({ createdAtMs }) => now - createdAtMs > leftoverAgeMs);
  const tags = old.flatMap((image) => image.tags).filter((tag) => tag.startsWith(`${buildRepository}:`));
  for (const tag of tags) await engine.removeImage(tag).catch(unlessUsed);
  const builds = new Set(tags.map((tag) => tag.slice(`${buildRepository}:`.length).replace(/^base-/, '')));
  for (const build of builds) await engine.pruneImages({ [buildLabel]: build });
}

/** What a container or another process still uses is left to a later look. */
export function unlessUsed(error: unknown): void {
  if (!isAppError(error, 'task-conflict')) throw error;
}

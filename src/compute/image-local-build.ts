import { randomUUID } from 'node:crypto';
import type { ByteStream, Engine } from '../engine/engine.ts';
import { type BaseFile, type BasePrograms, findBaseFiles } from './image-base.ts';
import { baseTar } from './image-base-tar.ts';
import { buildLabel, buildRepository, unlessUsed } from './image-builds.ts';

/** How one of our images is made of a base that has node. */
export interface ImageRecipe {
  /** For people: `the worker image`. */
  readonly what: string;
  readonly dockerfile: string;
  /** Besides `BASE` and `BUILD`. */
  readonly buildArguments: Readonly<Record<string, string>>;
  /** Can be asked for again. */
  readonly context: () => ByteStream;
}

export interface LocalBuildOptions {
  readonly onProgress?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface LocalBuild<T> extends LocalBuildOptions {
  readonly recipe: ImageRecipe;
  /** An image that the engine has, or what one is made of from this machine's own files. */
  readonly base: string | { readonly wanted: BasePrograms; readonly besides?: readonly BaseFile[] };
  /** Gets the tag of what was built, which is gone afterwards. */
  readonly use: (reference: string) => Promise<T>;
}

export interface ObstacleOptions {
  readonly wanted: BasePrograms;
  readonly signal?: AbortSignal | undefined;
}

/** Why this machine's programs cannot be made an image of that engine; undefined when they can. */
export async function localBuildObstacle(
  engine: Engine,
  { wanted, signal }: ObstacleOptions,
): Promise<string | undefined> {
  if (process.platform !== 'linux') return `this is ${process.platform}, containers run Linux`;
  const { operatingSystem, architecture } = await engine.information(signal);
  if (operatingSystem !== 'linux') return `the engine runs ${operatingSystem} containers`;
  if (architecture !== process.arch) return `this is ${process.arch}, the engine ${architecture}`;
  const { missing } = await findBaseFiles(process.execPath, { wanted });
  return missing.length > 0 ? `this machine has no ${missing.join(', ')}` : undefined;
}

/** Builds an image and hands its tag to `use`; nothing else of the build remains. */
export async function buildLocally<T>(engine: Engine, { use, recipe, base, ...options }: LocalBuild<T>): Promise<T> {
  // Every image of this build inherits the label, so that what remains of it is found, and no other builder's.
  const build = randomUUID();
  const labels = { [buildLabel]: build };
  const [ownBase, built] = [`${buildRepository}:base-${build}`, `${buildRepository}:${build}`];
  const { onProgress, signal } = options;
  try {
    if (typeof base !== 'string') {
      const { files } = await findBaseFiles(process.execPath, base);
      onProgress?.(`Copying this machine's node${base.wanted.hasGit ? ', git' : ''} and shell tools into a base image`);
      await engine.importImage(baseTar(files), { tag: ownBase, labels, ...(signal && { signal }) });
    }
    onProgress?.(`Building ${recipe.what}`);
    await engine.buildImage(recipe.context(), {
      tag: built,
      dockerfile: recipe.dockerfile,
      buildArguments: { ...recipe.buildArguments, BASE: typeof base === 'string' ? base : ownBase, BUILD: build },
      onProgress: stepsOf(recipe.what, onProgress),
      ...(signal && { signal }),
    });
    return await use(built);
  } finally {
    for (const tag of [ownBase, built]) await engine.removeImage(tag).catch(unlessUsed);
    await engine.pruneImages(labels);
  }
}

/** Tells only the steps that run something: those that only write down a setting are over at once. */
function stepsOf(what: string, onProgress: ((line: string) => void) | undefined) {
  return (line: string) => {
    const [, number, count] = /^Step (\d+)\/(\d+) : RUN /.exec(line) ?? [];
    if (number !== undefined) onProgress?.(`Building ${what}: step ${number} of ${count}`);
  };
}

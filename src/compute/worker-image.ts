import { withDeadline } from '../base/deadline.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { workerImage } from '../contracts/names.ts';
import type { RuntimeName } from '../contracts/subagent.ts';
import type { Engine } from '../engine/engine.ts';
import { workerPrograms } from './image-base.ts';
import { removeOldBuilds } from './image-builds.ts';
import { digestTag, imageKinds, programsOf, serves, servesExactly } from './image-kind.ts';
import { localBuildObstacle } from './image-local-build.ts';
import { buildWorkerBundle } from './worker-bundle.ts';
import { buildFromThisMachine } from './worker-local-build.ts';

export interface PreparedImage {
  readonly imageId: string;
  readonly how: 'present' | 'built' | 'pulled';
}

export interface PrepareOptions {
  /** The folder of the running package, a checkout or an installed one. */
  readonly packageRoot: string;
  /** What it must be able to run. Default: `command`. */
  readonly runtime?: RuntimeName;
  /** Receives a line for each thing that takes time. */
  readonly onProgress?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const pullDeadlineMs = 20_000;

/** Finds, builds or pulls the image of exactly this package's worker. Several processes may do so at once. */
export async function prepareWorkerImage(engine: Engine, options: PrepareOptions): Promise<PreparedImage> {
  const { packageRoot, runtime = 'command', onProgress, signal } = options;
  const bundle = await buildWorkerBundle(packageRoot);
  const wanted: WantedImage = { digest: bundle.digest, runtime };
  await removeOldBuilds(engine, Date.now());
  const present = await findPresent(engine, wanted);
  if (present !== undefined) return { imageId: present, how: 'present' };

  const obstacle = await localBuildObstacle(engine, { wanted: workerPrograms, signal });
  if (obstacle === undefined) {
    // Another process may have built the same worker meanwhile: all use the one that was first.
    const use = async (built: string) => (await findPresent(engine, wanted)) ?? (await accept(engine, wanted, built));
    const build = { packageRoot, runtime, onProgress, signal, use };
    return { imageId: await buildFromThisMachine(engine, bundle, build), how: 'built' };
  }
  // Where none can be built, one that can do more will do.
  const other = await findPresent(engine, wanted, serves);
  if (other !== undefined) return { imageId: other, how: 'present' };
  onProgress?.(`Cannot build the worker image from this machine's own files: ${obstacle}`);
  return { imageId: await pull(engine, wanted, { ...options, obstacle }), how: 'pulled' };
}

/** Takes an image that a caller named, when it is one of this worker's. Gives its id. */
export async function checkNamedImage(
  engine: Engine,
  reference: string,
  { digest, packageRoot }: { readonly digest: string; readonly packageRoot: string },
): Promise<string> {
  const image = await engine.inspectImage(reference);
  if (image !== undefined && serves(image.labels, digest, 'command')) return image.id;
  const state =
    image === undefined ? 'the engine does not have it' : otherWorker(image.labels[workerImage.digestLabel], digest);
  throw new AppError('image-missing', `Cannot use image "${reference}": ${state}`, {
    next: buildCommand({ digest, runtime: 'command' }, { packageRoot, tag: reference }),
  });
}

export interface WantedImage {
  readonly digest: string;
  readonly runtime: RuntimeName;
}

/** The image by its digest tag, or the seed's tag when it is labelled as this worker's. */
export async function findPresent(
  engine: Engine,
  { digest, runtime }: WantedImage,
  fits: typeof serves = servesExactly,
): Promise<string | undefined> {
  const tag = digestTag(digest, runtime);
  for (const reference of [tag, workerImage.latest]) {
    const image = await engine.inspectImage(reference);
    if (image === undefined || !fits(image.labels, digest, runtime)) continue;
    if (reference === workerImage.latest) await engine.tagImage(image.id, tag);
    return image.id;
  }
  return undefined;
}

interface PullOptions extends PrepareOptions {
  readonly obstacle: string;
}

async function pull(engine: Engine, wanted: WantedImage, options: PullOptions): Promise<string> {
  const { onProgress, packageRoot, obstacle } = options;
  const next = buildCommand(wanted, { packageRoot, tag: workerImage.latest });
  onProgress?.(`Pulling ${workerImage.latest}`);
  try {
    const signal = withDeadline(pullDeadlineMs, options.signal);
    await engine.pullImage(workerImage.latest, { signal, ...(onProgress && { onProgress }) });
  } catch (cause) {
    options.signal?.throwIfAborted();
    if (isAppError(cause, 'unreachable')) throw cause;
    const message = `Cannot get the worker image: it cannot be built here (${obstacle}) and not be pulled`;
    throw new AppError('image-missing', message, { cause, next });
  }
  return accept(engine, wanted, workerImage.latest, next);
}

/** Takes an image as this worker's only when its labels say so, and gives it both tags. */
export async function accept(engine: Engine, wanted: WantedImage, reference: string, next?: string): Promise<string> {
  const { digest, runtime } = wanted;
  const image = await engine.inspectImage(reference);
  if (image === undefined || !serves(image.labels, digest, runtime)) {
    const found = image?.labels[workerImage.digestLabel];
    const state = found === digest ? `it lacks ${imageKinds[runtime].program}` : otherWorker(found, digest);
    throw new AppError('image-missing', `Cannot use image "${reference}": ${state}`, { ...(next && { next }) });
  }
  const tag = digestTag(digest, runtime);
  if (tag !== reference) await engine.tagImage(image.id, tag);
  if (await isToBeLatest(engine, wanted)) await engine.tagImage(image.id, workerImage.latest);
  return image.id;
}

/** The seed's tag moves to the newest build, but never to one of the same worker that can do less. */
async function isToBeLatest(engine: Engine, { digest, runtime }: WantedImage): Promise<boolean> {
  const latest = await engine.inspectImage(workerImage.latest);
  if (latest === undefined || latest.labels[workerImage.digestLabel] !== digest) return true;
  return programsOf(latest.labels).every((program) => program === imageKinds[runtime].program);
}

function otherWorker(found: string | undefined, digest: string): string {
  return `its worker is "${found ?? ''}", this package's is "${digest}"`;
}

function buildCommand(
  { digest, runtime }: WantedImage,
  { packageRoot, tag }: { readonly packageRoot: string; readonly tag: string },
): string {
  const { program } = imageKinds[runtime];
  const added = program === '' ? '' : ` --build-arg WITH=${program}`;
  return `Run \`docker build --build-arg WORKER_DIGEST=${digest}${added} -t ${tag} -f docker/agora-worker/Dockerfile .\` in "${packageRoot}".`;
}

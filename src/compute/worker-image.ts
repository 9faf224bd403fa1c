import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withDeadline } from '../base/deadline.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { workerImage } from '../contracts/names.ts';
import type { ByteStream, Engine } from '../engine/engine.ts';
import { type BaseFile, findBaseFiles } from './image-base.ts';
import { baseTar } from './image-base-tar.ts';
import { buildLabel, buildRepository, removeOldBuilds } from './image-builds.ts';
import { streamTar } from './tar-writer.ts';
import { buildWorkerBundle, bundleName, type WorkerBundle, workerImageFiles } from './worker-bundle.ts';

export interface PreparedImage {
  readonly imageId: string;
  readonly how: 'present' | 'built' | 'pulled';
}

export interface PrepareOptions {
  /** The folder of the running package, a checkout or an installed one. */
  readonly packageRoot: string;
  /** Receives a line for each thing that takes time. */
  readonly onProgress?: (line: string) => void;
  readonly signal?: AbortSignal;
}

const pullDeadlineMs = 20_000;

/** Finds, builds or pulls the image of exactly this package's worker. Several processes may do so at once. */
export async function prepareWorkerImage(engine: Engine, options: PrepareOptions): Promise<PreparedImage> {
  const bundle = await buildWorkerBundle(options.packageRoot);
  await removeOldBuilds(engine, Date.now());
  const present = await findPresent(engine, bundle);
  if (present !== undefined) return { imageId: present, how: 'present' };

  const local = await planLocalBuild(engine, options.signal);
  if ('files' in local)
    return { imageId: await buildFromThisMachine(engine, bundle, { ...options, ...local }), how: 'built' };
  options.onProgress?.(`Cannot build the worker image from this machine's own files: ${local.obstacle}`);
  return { imageId: await pull(engine, bundle, { ...options, ...local }), how: 'pulled' };
}

function digestTag({ digest }: WorkerBundle): string {
  return `${workerImage.repository}:${digest}`;
}

/** The image by its digest tag, or the seed's tag when it is labelled as this worker's. */
async function findPresent(engine: Engine, bundle: WorkerBundle): Promise<string | undefined> {
  for (const reference of [digestTag(bundle), workerImage.latest]) {
    const image = await engine.inspectImage(reference);
    if (image?.labels[workerImage.digestLabel] !== bundle.digest) continue;
    if (reference === workerImage.latest) await engine.tagImage(image.id, digestTag(bundle));
    return image.id;
  }
  return undefined;
}

type LocalBuild = { readonly files: readonly BaseFile[] } | { readonly obstacle: string };

/** The files to build from, or why this machine's programs cannot run on that engine. */
async function planLocalBuild(engine: Engine, signal?: AbortSignal): Promise<LocalBuild> {
  if (process.platform !== 'linux') return { obstacle: `this is ${process.platform}, containers run Linux` };
  const { operatingSystem, architecture } = await engine.information(signal);
  if (operatingSystem !== 'linux') return { obstacle: `the engine runs ${operatingSystem} containers` };
  if (architecture !== process.arch) return { obstacle: `this is ${process.arch}, the engine ${architecture}` };
  const { files, missing } = await findBaseFiles(process.execPath);
  return missing.length > 0 ? { obstacle: `this machine has no ${missing.join(', ')}` } : { files };
}

async function buildFromThisMachine(
  engine: Engine,
  bundle: WorkerBundle,
  { files, packageRoot, onProgress, signal }: PrepareOptions & { readonly files: readonly BaseFile[] },
): Promise<string> {
  // Every image of this build inherits the label, so that what remains of it is found, and no other builder's.
  const build = randomUUID();
  const labels = { [buildLabel]: build };
  const [base, built] = [`${buildRepository}:base-${build}`, `${buildRepository}:${build}`];
  onProgress?.("Copying this machine's node, git and shell tools into a base image");
  try {
    await engine.importImage(baseTar(files), { tag: base, labels, ...(signal && { signal }) });
    await engine.buildImage(buildContext(packageRoot, bundle), {
      tag: built,
      dockerfile: 'docker/agora-worker/Dockerfile',
      buildArguments: { BASE: base, WORKER_DIGEST: bundle.digest },
      onProgress: (line) => line.startsWith('Step ') && onProgress?.(`Building the worker image: ${line}`),
      ...(signal && { signal }),
    });
    // Another process may have built the same worker meanwhile: all use the one that was first.
    return (await findPresent(engine, bundle)) ?? (await accept(engine, bundle, built));
  } finally {
    for (const tag of [base, built]) await engine.removeImage(tag);
    await engine.pruneImages(labels);
  }
}

async function pull(
  engine: Engine,
  bundle: WorkerBundle,
  options: PrepareOptions & { obstacle: string },
): Promise<string> {
  const next = `Run \`docker build --build-arg WORKER_DIGEST=${bundle.digest} -t ${workerImage.latest} -f docker/agora-worker/Dockerfile .\` in "${options.packageRoot}".`;
  const { onProgress } = options;
  onProgress?.(`Pulling ${workerImage.latest}`);
  try {
    const signal = withDeadline(pullDeadlineMs, options.signal);
    await engine.pullImage(workerImage.latest, { signal, ...(onProgress && { onProgress }) });
  } catch (cause) {
    options.signal?.throwIfAborted();
    if (isAppError(cause, 'unreachable')) throw cause;
    const message = `Cannot get the worker image: it cannot be built here (${options.obstacle}) and not be pulled`;
    throw new AppError('image-missing', message, { cause, next });
  }
  return accept(engine, bundle, workerImage.latest, next);
}

/** Takes an image as this worker's only when its label says so, and gives it both tags. */
async function accept(engine: Engine, bundle: WorkerBundle, reference: string, next?: string): Promise<string> {
  const image = await engine.inspectImage(reference);
  const found = image?.labels[workerImage.digestLabel];
  if (image === undefined || found !== bundle.digest) {
    const message = `Cannot use image "${reference}": its worker is "${found ?? ''}", this package's is "${bundle.digest}"`;
    throw new AppError('image-missing', message, { ...(next && { next }) });
  }
  for (const tag of [digestTag(bundle), workerImage.latest])
    if (tag !== reference) await engine.tagImage(image.id, tag);
  return image.id;
}

/** The build's context: our Dockerfile, its script and the bundle. */
function buildContext(packageRoot: string, bundle: WorkerBundle): ByteStream {
  return streamTar(async (tar) => {
    const mtime = new Date(0);
    for (const name of workerImageFiles) tar.entry({ name, mtime }, await readFile(join(packageRoot, name)));
    tar.entry({ name: bundleName, mtime }, Buffer.from(bundle.bytes));
  });
}

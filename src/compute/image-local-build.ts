import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RuntimeName } from '../contracts/subagent.ts';
import type { ByteStream, Engine } from '../engine/engine.ts';
import { installClaudeCode } from './claude-code-program.ts';
import { findBaseFiles } from './image-base.ts';
import { baseTar } from './image-base-tar.ts';
import { buildLabel, buildRepository, unlessUsed } from './image-builds.ts';
import { imageKinds } from './image-kind.ts';
import { streamTar } from './tar-writer.ts';
import { bundleName, type WorkerBundle, workerImageFiles } from './worker-bundle.ts';

export interface LocalBuildOptions {
  readonly packageRoot: string;
  readonly runtime: RuntimeName;
  readonly onProgress?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Why this machine's programs cannot be made an image of that engine; undefined when they can. */
export async function localBuildObstacle(engine: Engine, signal?: AbortSignal): Promise<string | undefined> {
  if (process.platform !== 'linux') return `this is ${process.platform}, containers run Linux`;
  const { operatingSystem, architecture } = await engine.information(signal);
  if (operatingSystem !== 'linux') return `the engine runs ${operatingSystem} containers`;
  if (architecture !== process.arch) return `this is ${process.arch}, the engine ${architecture}`;
  const { missing } = await findBaseFiles(process.execPath);
  return missing.length > 0 ? `this machine has no ${missing.join(', ')}` : undefined;
}

/** Builds an image from this machine's own files and hands its tag to `use`; nothing else of the build remains. */
export async function buildFromThisMachine<T>(
  engine: Engine,
  bundle: WorkerBundle,
  { use, ...options }: LocalBuildOptions & { readonly use: (reference: string) => Promise<T> },
): Promise<T> {
  // Every image of this build inherits the label, so that what remains of it is found, and no other builder's.
  const build = randomUUID();
  const labels = { [buildLabel]: build };
  const [base, built] = [`${buildRepository}:base-${build}`, `${buildRepository}:${build}`];
  const { signal } = options;
  try {
    await using program = await installFor(options);
    const { files } = await findBaseFiles(process.execPath, program?.files);
    options.onProgress?.("Copying this machine's node, git and shell tools into a base image");
    await engine.importImage(baseTar(files), { tag: base, labels, ...(signal && { signal }) });
    await buildOn(engine, { base, built, bundle, ...options });
    return await use(built);
  } finally {
    for (const tag of [base, built]) await engine.removeImage(tag).catch(unlessUsed);
    await engine.pruneImages(labels);
  }
}

async function installFor({ runtime, onProgress, signal }: LocalBuildOptions) {
  return runtime === 'claude-code' ? installClaudeCode({ onProgress, signal }) : undefined;
}

interface BuildStep extends LocalBuildOptions {
  readonly base: string;
  readonly built: string;
  readonly bundle: WorkerBundle;
}

async function buildOn(
  engine: Engine,
  { base, built, bundle, packageRoot, runtime, onProgress, signal }: BuildStep,
): Promise<void> {
  await engine.buildImage(buildContext(packageRoot, bundle), {
    tag: built,
    dockerfile: 'docker/agora-worker/Dockerfile',
    buildArguments: { BASE: base, WORKER_DIGEST: bundle.digest, WITH: imageKinds[runtime].program },
    onProgress: (line) => line.startsWith('Step ') && onProgress?.(`Building the worker image: ${line}`),
    ...(signal && { signal }),
  });
}

/** The build's context: our Dockerfile, its scripts and the bundle. */
function buildContext(packageRoot: string, bundle: WorkerBundle): ByteStream {
  return streamTar(async (tar) => {
    const mtime = new Date(0);
    for (const name of workerImageFiles) tar.entry({ name, mtime }, await readFile(join(packageRoot, name)));
    tar.entry({ name: bundleName, mtime }, Buffer.from(bundle.bytes));
  });
}

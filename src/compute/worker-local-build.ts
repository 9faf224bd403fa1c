import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { streamTar } from '../base/tar-writer.ts';
import type { RuntimeName } from '../contracts/subagent.ts';
import type { ByteStream, Engine } from '../engine/engine.ts';
import { installClaudeCode } from './claude-code-program.ts';
import { workerPrograms } from './image-base.ts';
import { imageKinds } from './image-kind.ts';
import { buildLocally, type LocalBuildOptions } from './image-local-build.ts';
import { bundleName, type ImageBundle, workerImageFiles } from './worker-bundle.ts';

export interface WorkerBuildOptions<T> extends LocalBuildOptions {
  readonly packageRoot: string;
  readonly runtime: RuntimeName;
  readonly use: (reference: string) => Promise<T>;
}

/** Builds a worker image from this machine's own files and hands its tag to `use`; nothing else of the build remains. */
export async function buildFromThisMachine<T>(
  engine: Engine,
  bundle: ImageBundle,
  { packageRoot, runtime, ...options }: WorkerBuildOptions<T>,
): Promise<T> {
  await using program = await installFor(runtime, options);
  const recipe = {
    what: 'the worker image',
    dockerfile: 'docker/agora-worker/Dockerfile',
    buildArguments: { WORKER_DIGEST: bundle.digest, WITH: imageKinds[runtime].program },
    context: () => buildContext(packageRoot, bundle),
  };
  const base = { wanted: workerPrograms, ...(program !== undefined && { besides: program.files }) };
  return await buildLocally(engine, { recipe, base, ...options });
}

async function installFor(runtime: RuntimeName, { onProgress, signal }: LocalBuildOptions) {
  return runtime === 'claude-code' ? installClaudeCode({ onProgress, signal }) : undefined;
}

/** The build's context: our Dockerfile, its scripts and the bundle. */
function buildContext(packageRoot: string, bundle: ImageBundle): ByteStream {
  return streamTar(async (tar) => {
    const mtime = new Date(0);
    for (const name of workerImageFiles) tar.entry({ name, mtime }, await readFile(join(packageRoot, name)));
    tar.entry({ name: bundleName, mtime }, Buffer.from(bundle.bytes));
  });
}

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Hex } from '../base/hash.ts';
import { AppError, systemErrorCode } from '../contracts/errors.ts';

/** The worker in one file, and the name of everything of ours that its image holds. */
export interface WorkerBundle {
  readonly bytes: Uint8Array;
  /** 64 hex characters. */
  readonly digest: string;
}

/** Files of ours beside the bundle that decide what is in the image. */
export const workerImageFiles = [
  'docker/agora-worker/Dockerfile',
  'docker/agora-worker/setup.sh',
  'docker/agora-worker/with.sh',
] as const;

const entryPoint = 'src/worker/main.ts';
/** Where the published package has it, and the build context. */
export const bundleName = 'dist/worker.cjs';

/** From a checkout's sources; from the published file where there are none. */
export async function buildWorkerBundle(packageRoot: string): Promise<WorkerBundle> {
  const [bytes, ...others] = await Promise.all([
    bundleBytes(packageRoot),
    ...workerImageFiles.map((path) => readFile(join(packageRoot, path))),
  ]);
  const digest = sha256Hex([bytes, ...others].map((content) => sha256Hex(content)).join('\n'));
  return { bytes, digest };
}

/** Writes the file that is published. */
export async function writeWorkerBundle(packageRoot: string): Promise<void> {
  await mkdir(join(packageRoot, 'dist'), { recursive: true });
  await writeFile(join(packageRoot, bundleName), await bundleSources(packageRoot));
}

async function bundleBytes(packageRoot: string): Promise<Uint8Array> {
  // Sources first: in a checkout the published file may be older than they are.
  if (await hasFile(join(packageRoot, entryPoint))) return bundleSources(packageRoot);
  return readFile(join(packageRoot, bundleName));
}

async function bundleSources(packageRoot: string): Promise<Uint8Array> {
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    absWorkingDir: packageRoot,
    entryPoints: [entryPoint],
    bundle: true,
    minify: true,
    // Node starts it sooner than an ES module.
    format: 'cjs',
    platform: 'node',
    target: 'node24',
    legalComments: 'none',
    write: false,
    logLevel: 'silent',
    // Nothing of the machine it is made on: the digest must be the same everywhere.
    tsconfigRaw: '{}',
  });
  const file = outputFiles[0];
  if (file === undefined) throw new AppError('internal', `Cannot bundle "${entryPoint}": esbuild gave no file`);
  return file.contents;
}

async function hasFile(path: string): Promise<boolean> {
  try {
    await readFile(path);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

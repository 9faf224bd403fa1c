import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Hex } from '../base/hash.ts';
import { bundledPrograms } from './bundled-programs.ts';
import { bundleBytes } from './program-bundle.ts';

/** A program in one file, and the name of everything of ours that its image holds. */
export interface ImageBundle {
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

const { worker } = bundledPrograms;
export const bundleName = worker.bundleName;

export async function buildWorkerBundle(packageRoot: string): Promise<ImageBundle> {
  const [bytes, ...others] = await Promise.all([
    bundleBytes(packageRoot, worker),
    ...workerImageFiles.map((path) => readFile(join(packageRoot, path))),
  ]);
  const digest = sha256Hex([bytes, ...others].map((content) => sha256Hex(content)).join('\n'));
  return { bytes, digest };
}

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Plugin } from 'esbuild';
import { undefinedIfMissing } from '../base/missing-file.ts';
import { AppError } from '../contracts/errors.ts';

/** A program of ours that is published as one file and goes into an image. */
export interface ProgramSource {
  /** In a checkout. */
  readonly entryPoint: string;
  /** Where the published package has it, and the build context. */
  readonly bundleName: string;
  /** Packages that are imported on the way and never used. */
  readonly unusedPackages?: readonly string[];
}

/** From a checkout's sources; from the published file where there are none. */
export async function bundleBytes(packageRoot: string, source: ProgramSource): Promise<Uint8Array> {
  // Sources first: in a checkout the published file may be older than they are.
  const sources = await undefinedIfMissing(readFile(join(packageRoot, source.entryPoint)));
  return sources === undefined ? readFile(join(packageRoot, source.bundleName)) : bundleSources(packageRoot, source);
}

/** Writes the file that is published. */
export async function writeBundle(packageRoot: string, source: ProgramSource): Promise<void> {
  const file = join(packageRoot, source.bundleName);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, await bundleSources(packageRoot, source));
}

async function bundleSources(packageRoot: string, { entryPoint, unusedPackages = [] }: ProgramSource) {
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
    define: { 'import.meta.url': 'importMetaUrl' },
    banner: { js: 'const importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
    plugins: [leavingOut(unusedPackages)],
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

/** An empty module in the place of each: megabytes that nobody calls would be loaded at every start. */
function leavingOut(packages: readonly string[]): Plugin {
  return {
    name: 'leaving-out',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^[a-z@]/ }, ({ path }) =>
        packages.includes(path) ? { path, namespace: 'left-out' } : undefined,
      );
      onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: 'module.exports = {};' }));
    },
  };
}

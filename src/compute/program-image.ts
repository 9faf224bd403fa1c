import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withDeadline } from '../base/deadline.ts';
import { sha256Hex } from '../base/hash.ts';
import { streamTar } from '../base/tar-writer.ts';
import { AppError } from '../contracts/errors.ts';
import { agentImage, serverImage } from '../contracts/fleet-names.ts';
import type { ByteStream, Engine } from '../engine/engine.ts';
import { bundledPrograms } from './bundled-programs.ts';
import { daemonPrograms } from './image-base.ts';
import { removeOldBuilds } from './image-builds.ts';
import { buildLocally, type ImageRecipe, localBuildObstacle } from './image-local-build.ts';
import { bundleBytes, type ProgramSource } from './program-bundle.ts';

/** What runs a fleet, each in an image of its own. */
export type FleetProgram = 'agent' | 'server';

export const fleetImages: Readonly<Record<FleetProgram, string>> = { agent: agentImage, server: serverImage };

const labels = { program: 'agora.program', digest: 'agora.programDigest' } as const;
/** What the Dockerfiles name as well. */
const registryBase = 'node:24-bookworm-slim';
const pullDeadlineMs = 120_000;

export interface FleetImageOptions {
  /** The folder of the running package, a checkout or an installed one. */
  readonly packageRoot: string;
  /** An image with node to build on. Default: the registry's where it can be had, else this machine's own files. */
  readonly base?: string | undefined;
  readonly onProgress?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface FleetImage {
  readonly imageId: string;
  readonly how: 'present' | 'built';
}

/** Finds or builds the image of exactly this package's agent or server, under the name that people start it by. */
export async function prepareFleetImage(
  engine: Engine,
  program: FleetProgram,
  options: FleetImageOptions,
): Promise<FleetImage> {
  const { packageRoot, onProgress, signal } = options;
  const bundles = await Promise.all(programsOf(program).map((each) => bundleOf(each, packageRoot)));
  const digest = await digestOfImage(program, bundles, packageRoot);
  await removeOldBuilds(engine, Date.now());
  const tag = fleetImages[program];
  const present = await engine.inspectImage(tag);
  const isCurrent = present?.labels[labels.program] === program && present.labels[labels.digest] === digest;
  if (isCurrent && options.base === undefined) return { imageId: present.id, how: 'present' };

  const base = await findBase(engine, options);
  const use = async (built: string) => {
    await engine.tagImage(built, tag);
    return (await engine.inspectImage(tag))?.id ?? built;
  };
  const recipe = recipeOf(program, { bundles, digest, packageRoot });
  return { imageId: await buildLocally(engine, { recipe, base, use, onProgress, signal }), how: 'built' };
}

async function findBase(engine: Engine, { base, onProgress, signal }: FleetImageOptions) {
  if (base !== undefined) return base;
  if ((await engine.inspectImage(registryBase)) !== undefined) return registryBase;
  onProgress?.(`Pulling ${registryBase}`);
  try {
    await engine.pullImage(registryBase, { signal: withDeadline(pullDeadlineMs, signal) });
    return registryBase;
  } catch (cause) {
    signal?.throwIfAborted();
    const obstacle = await localBuildObstacle(engine, { wanted: daemonPrograms, signal });
    if (obstacle === undefined) return { wanted: daemonPrograms };
    throw new AppError('image-missing', `Cannot build on "${registryBase}": it cannot be pulled, and ${obstacle}`, {
      cause,
      next: 'Name an image that has Node 24 with --base.',
    });
  }
}

interface Bundle {
  readonly name: string;
  readonly bytes: Uint8Array;
}

interface ImageContent {
  readonly bundles: readonly Bundle[];
  readonly digest: string;
  readonly packageRoot: string;
}

function programsOf(program: FleetProgram): ProgramSource[] {
  return program === 'agent' ? [bundledPrograms.agent, bundledPrograms['helper-main']] : [bundledPrograms[program]];
}

async function bundleOf(source: ProgramSource, packageRoot: string): Promise<Bundle> {
  return { name: source.bundleName, bytes: await bundleBytes(packageRoot, source) };
}

function filesOf(program: FleetProgram): string[] {
  return [`docker/${program}/Dockerfile`, 'package.json'];
}

async function digestOfImage(program: FleetProgram, bundles: readonly Bundle[], packageRoot: string): Promise<string> {
  const others = await Promise.all(filesOf(program).map((path) => readFile(join(packageRoot, path))));
  return sha256Hex([...bundles.map(({ bytes }) => bytes), ...others].map((content) => sha256Hex(content)).join('\n'));
}

function recipeOf(program: FleetProgram, content: ImageContent): ImageRecipe {
  return {
    what: `the ${program}'s image`,
    dockerfile: `docker/${program}/Dockerfile`,
    buildArguments: { PROGRAM_DIGEST: content.digest },
    context: () => buildContext(program, content),
  };
}

function buildContext(program: FleetProgram, { bundles, packageRoot }: ImageContent): ByteStream {
  return streamTar(async (tar) => {
    const mtime = new Date(0);
    for (const name of filesOf(program)) tar.entry({ name, mtime }, await readFile(join(packageRoot, name)));
    for (const { name, bytes } of bundles) tar.entry({ name, mtime }, Buffer.from(bytes));
  });
}

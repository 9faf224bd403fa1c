import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withDeadline } from '../base/deadline.ts';
import { sha256Hex } from '../base/hash.ts';
import { streamTar } from '../base/tar-writer.ts';
import { AppError } from '../contracts/errors.ts';
import { agentImage, serverImage } from '../contracts/fleet-names.ts';
import { serveImage } from '../contracts/names.ts';
import type { ByteStream, Engine } from '../engine/engine.ts';
import { bundledPrograms } from './bundled-programs.ts';
import { type BasePrograms, daemonPrograms, servePrograms } from './image-base.ts';
import { removeOldBuilds } from './image-builds.ts';
import { buildLocally, type ImageRecipe, localBuildObstacle } from './image-local-build.ts';
import { bundleBytes, type ProgramSource } from './program-bundle.ts';
import { workerImageFiles } from './worker-bundle.ts';

/** What goes on for as long as it is let, each in an image of its own: a fleet's agent and server, and `orch serve`. */
export type ImageProgram = 'agent' | 'server' | 'serve';

interface ProgramContent {
  readonly image: string;
  readonly bundles: readonly ProgramSource[];
  /** Besides its Dockerfile and package.json. */
  readonly files: readonly string[];
  /** What it needs of a base that is made of this machine's own files. */
  readonly wanted: BasePrograms;
}

const { agent, server, agora, worker } = bundledPrograms;
/** Where an agent can run. */
const besideAgent = [
  bundledPrograms['helper-main'],
  bundledPrograms['signal-main'],
  bundledPrograms['port-relay-main'],
];

const contents: Readonly<Record<ImageProgram, ProgramContent>> = {
  agent: { image: agentImage, bundles: [agent, ...besideAgent], files: [], wanted: daemonPrograms },
  server: { image: serverImage, bundles: [server, ...besideAgent], files: [], wanted: daemonPrograms },
  // It makes the worker image where the engine has none.
  serve: {
    image: serveImage,
    bundles: [agora, worker, ...besideAgent],
    files: ['docker/serve/agora.sh', ...workerImageFiles],
    wanted: servePrograms,
  },
};

export function programImage(program: ImageProgram): string {
  return contents[program].image;
}

const labels = { program: 'agora.program', digest: 'agora.programDigest' } as const;
/** What the Dockerfiles name as well. */
const registryBase = 'node:24-bookworm-slim';
const pullDeadlineMs = 120_000;

export interface ProgramImageOptions {
  /** The folder of the running package, a checkout or an installed one. */
  readonly packageRoot: string;
  /** An image with node to build on. Default: the registry's where it can be had, else this machine's own files. */
  readonly base?: string | undefined;
  readonly onProgress?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ProgramImage {
  readonly imageId: string;
  readonly how: 'present' | 'built';
}

/** Finds or builds the image of exactly this package's program, under the name that people start it by. */
export async function prepareProgramImage(
  engine: Engine,
  program: ImageProgram,
  options: ProgramImageOptions,
): Promise<ProgramImage> {
  const { packageRoot, onProgress, signal } = options;
  const { image: tag, bundles: sources, wanted } = contents[program];
  const bundles = await Promise.all(sources.map((each) => bundleOf(each, packageRoot)));
  const digest = await digestOfImage(program, bundles, packageRoot);
  await removeOldBuilds(engine, Date.now());
  const present = await engine.inspectImage(tag);
  const isCurrent = present?.labels[labels.program] === program && present.labels[labels.digest] === digest;
  if (isCurrent && options.base === undefined) return { imageId: present.id, how: 'present' };

  const base = await findBase(engine, wanted, options);
  const use = async (built: string) => {
    await engine.tagImage(built, tag);
    return (await engine.inspectImage(tag))?.id ?? built;
  };
  const recipe = recipeOf(program, { bundles, digest, packageRoot });
  return { imageId: await buildLocally(engine, { recipe, base, use, onProgress, signal }), how: 'built' };
}

async function findBase(engine: Engine, wanted: BasePrograms, { base, onProgress, signal }: ProgramImageOptions) {
  if (base !== undefined) return base;
  if ((await engine.inspectImage(registryBase)) !== undefined) return registryBase;
  onProgress?.(`Pulling ${registryBase}`);
  try {
    await engine.pullImage(registryBase, { signal: withDeadline(pullDeadlineMs, signal) });
    return registryBase;
  } catch (cause) {
    signal?.throwIfAborted();
    const obstacle = await localBuildObstacle(engine, { wanted, signal });
    if (obstacle === undefined) return { wanted };
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

async function bundleOf(source: ProgramSource, packageRoot: string): Promise<Bundle> {
  return { name: source.bundleName, bytes: await bundleBytes(packageRoot, source) };
}

function filesOf(program: ImageProgram): string[] {
  return [`docker/${program}/Dockerfile`, 'package.json', ...contents[program].files];
}

async function digestOfImage(program: ImageProgram, bundles: readonly Bundle[], packageRoot: string): Promise<string> {
  const others = await Promise.all(filesOf(program).map((path) => readFile(join(packageRoot, path))));
  return sha256Hex([...bundles.map(({ bytes }) => bytes), ...others].map((content) => sha256Hex(content)).join('\n'));
}

function recipeOf(program: ImageProgram, content: ImageContent): ImageRecipe {
  return {
    what: `the image of ${program}`,
    dockerfile: `docker/${program}/Dockerfile`,
    buildArguments: { PROGRAM_DIGEST: content.digest },
    context: () => buildContext(program, content),
  };
}

function buildContext(program: ImageProgram, { bundles, packageRoot }: ImageContent): ByteStream {
  return streamTar(async (tar) => {
    const mtime = new Date(0);
    for (const name of filesOf(program)) tar.entry({ name, mtime }, await readFile(join(packageRoot, name)));
    for (const { name, bytes } of bundles) tar.entry({ name, mtime }, Buffer.from(bytes));
  });
}

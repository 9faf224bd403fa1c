import { homedir } from 'node:os';
import type Dockerode from 'dockerode';
import { withDeadline } from '../base/deadline.ts';
import { DockerCompute, type ImageWish } from '../compute/docker.ts';
import { PreparedImages } from '../compute/prepared-images.ts';
import { buildWorkerBundle } from '../compute/worker-bundle.ts';
import { checkNamedImage, prepareWorkerImage } from '../compute/worker-image.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { workerImage } from '../contracts/names.ts';
import { dockerEngine } from '../engine/docker.ts';
import { type EngineEndpoint, resolveEngineEndpoint } from '../engine/endpoint.ts';
import type { Engine } from '../engine/engine.ts';
import { checkedExtraEnv } from './extra-env.ts';
import { packageRoot } from './package-root.ts';

const answerDeadlineMs = 5_000;

export interface LocalDockerProviderOptions {
  /** A dockerode client. Default: the engine of `DOCKER_HOST`, the current docker context or the default socket. */
  readonly docker?: Dockerode;
  /** The same, by where it answers. */
  readonly endpoint?: EngineEndpoint;
  /** Worker image. Default: this Agora's own, which is built or pulled when it is missing. */
  readonly image?: string;
  /**
   * Variables of every worker, below those of subagents, envs and items. They are recorded in clear, so what looks like a
   * credential is refused. Default: none.
   */
  readonly extraEnv?: Readonly<Record<string, string>>;
}

/** Runs work as hardened containers of a Docker engine. */
export class LocalDockerProvider extends DockerCompute {
  readonly extraEnv: Readonly<Record<string, string>>;

  constructor(options: LocalDockerProviderOptions = {}) {
    const { docker, endpoint, image, extraEnv = {} } = options;
    const engine = once(async () => {
      if (docker !== undefined) return dockerEngine({ docker });
      return endpoint === undefined ? environmentEngine() : dockerEngine({ endpoint });
    });
    const images = new OwnImages(engine);
    super({
      engine,
      image: (wish) => (image === undefined ? images.find(wish) : Promise.resolve(image)),
    });
    this.extraEnv = checkedExtraEnv('LocalDockerProvider', extraEnv);
  }
}

/** This Agora's worker images in one engine. */
class OwnImages {
  readonly #engine: () => Promise<Engine>;
  readonly #bundle = once(() => buildWorkerBundle(packageRoot));
  readonly #prepared: PreparedImages;

  constructor(engine: () => Promise<Engine>) {
    this.#engine = engine;
    this.#prepared = new PreparedImages({
      prepare: async (runtime, onProgress) =>
        (await prepareWorkerImage(await engine(), { packageRoot, runtime, onProgress })).imageId,
      isThere: async (imageId) => (await (await engine()).inspectImage(imageId)) !== undefined,
    });
  }

  async find({ runtime, reference, onProgress }: ImageWish): Promise<string> {
    // The seed's tag means the newest build, which has to be able to run what is asked for.
    if (reference === undefined || reference === workerImage.latest) return this.#prepared.find(runtime, onProgress);
    const { digest } = await this.#bundle();
    return checkNamedImage(await this.#engine(), reference, { digest, packageRoot });
  }
}

/** The engine this process's environment names; `unreachable` when it names none. */
export async function environmentEngine(): Promise<Engine> {
  const endpoint = await resolveEngineEndpoint({ env: process.env, homeDirectory: homedir() });
  if (endpoint !== undefined) return dockerEngine({ endpoint });
  throw new AppError(
    'unreachable',
    'Cannot find a Docker engine: DOCKER_HOST is not set, and no default socket is there',
    {
      next: 'Start Docker, or set DOCKER_HOST',
    },
  );
}

/** Whether an engine answers at once; nothing is changed. */
export async function engineAnswers(endpoint: EngineEndpoint): Promise<boolean> {
  try {
    await dockerEngine({ endpoint }).information(withDeadline(answerDeadlineMs));
    return true;
  } catch (error) {
    if (isAppError(error) || error instanceof DOMException) return false;
    throw error;
  }
}

/** Remembers the first success; a failure is tried again at the next call. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}

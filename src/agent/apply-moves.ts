import { withDeadline } from '../base/deadline.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import type { HostSettings } from '../contracts/fleet.ts';
import type { BuildSpec } from '../contracts/host-spec.ts';
import type { HostEngine, PullOptions, RegistryLogin } from '../engine/host-engine.ts';
import type { Move } from '../reconcile/step.ts';
import { type RegistryLogins, withProblems } from './registry-logins.ts';

export interface ImageBuildRequest {
  readonly image: string;
  readonly spec: BuildSpec;
  readonly tag: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Counted once its turn has come. */
  readonly timeoutSeconds: number;
  /** Told once its turn has come. Default: nobody is. */
  readonly onBegun?: () => void;
}

export interface PushOptions extends PullOptions {
  /** Why there may be a login that was not found. */
  readonly loginProblem?: string | undefined;
}

/** What moves need besides their step. */
export interface MoveContext {
  readonly engine: HostEngine;
  readonly settings: HostSettings;
  /** Builds an image on this host and gives its id. */
  readonly buildImage: (request: ImageBuildRequest, signal: AbortSignal) => Promise<string>;
  /** Pushes an image and gives its digest. Default: the engine's own. */
  readonly pushImage?: (reference: string, options: PushOptions) => Promise<string>;
  /** Values of secrets by variable, from their refs by variable. */
  readonly openSecrets: (refs: Readonly<Record<string, string>>) => Promise<Readonly<Record<string, string>>>;
  /** Default: none. */
  readonly logins?: Pick<RegistryLogins, 'forReference'> | undefined;
  /** Told when a build has waited for others long enough. Default: nobody is. */
  readonly onBuildBegun?: () => void;
}

/** Why work was cut short by its signal. */
export const unwantedWords = 'Something newer is declared, the host is disabled, or the agent stops';

export type Moved = { readonly imageId?: string } | undefined;

/**
 * Makes one move. What is cut short by the signal may have happened: the next observation tells. Calls that are short are
 * not cut, so that their outcome is known.
 */
export async function makeMove(move: Move, context: MoveContext, signal: AbortSignal): Promise<Moved> {
  // The table is keyed by `do`, so the action takes this very move.
  const action = actions[move.do] as (move: Move, context: MoveContext, signal: AbortSignal) => Promise<Moved>;
  return await action(move, context, signal);
}

type Action<K extends Move['do']> = (
  move: Extract<Move, { do: K }>,
  context: MoveContext,
  signal: AbortSignal,
) => Promise<Moved>;

const actions: { readonly [K in Move['do']]: Action<K> } = {
  'create-network': async ({ network, spec, labels }, { engine }) => {
    await engine.createNetwork(network, spec, { labels });
    return undefined;
  },
  'remove-network': ({ network }, { engine }) => unlessGone(engine.removeNetwork(network)),
  connect: ({ network, container }, { engine }) => done(engine.connectNetwork(network, container)),
  disconnect: ({ network, container }, { engine }) => unlessGone(engine.disconnectNetwork(network, container)),
  'create-volume': ({ volume, spec, labels }, { engine }) => done(engine.createVolume(volume, spec, { labels })),
  'remove-volume': ({ volume }, { engine }) => unlessGone(engine.removeVolume(volume)),
  pull: async ({ reference, tag }, { engine, settings, logins }, signal) => {
    const imageId = await withinSeconds(settings.pullTimeoutSeconds, `pull "${reference}"`, signal, (limited) =>
      withLogin({ reference, logins }, limited, (login) => engine.pull(reference, { signal: limited, login })),
    );
    if (tag !== undefined) await engine.tagImage(imageId, tag);
    return { imageId };
  },
  tag: ({ reference, tag }, { engine }) => done(engine.tagImage(reference, tag)),
  build: async ({ image, spec, tag, labels }, { buildImage, settings, onBuildBegun: onBegun = () => {} }, signal) => {
    const timeoutSeconds = settings.buildTimeoutSeconds;
    return { imageId: await buildImage({ image, spec, tag, labels, timeoutSeconds, onBegun }, signal) };
  },
  push: async ({ reference }, { engine, settings, logins, ...context }, signal) => {
    const { pushImage = (...given) => engine.push(...given) } = context;
    await withinSeconds(settings.pushTimeoutSeconds, `push "${reference}"`, signal, (limited) =>
      withLogin({ reference, logins }, limited, (login, loginProblem) =>
        pushImage(reference, { signal: limited, login, loginProblem }),
      ),
    );
    return undefined;
  },
  'remove-image': ({ image }, { engine }) => unlessGone(engine.removeImage(image)),
  create: async ({ container, spec, image, labels }, { engine, openSecrets }) => {
    const imageId = image.id;
    if (imageId === undefined) {
      throw new AppError('image-missing', `Cannot make container "${container}": no image "${image.reference}" here`);
    }
    const secrets = await openSecrets(spec.secrets);
    await engine.createWorkspace({ name: container, spec, imageId, secrets, labels });
    return undefined;
  },
  start: ({ container }, { engine }) => done(engine.startContainer(container)),
  stop: ({ container, graceMs }, { engine }, signal) => unlessGone(engine.stopContainer(container, graceMs, signal)),
  rename: ({ container, to }, { engine }) => done(engine.renameContainer(container, to)),
  remove: ({ container, keepsVolumes }, { engine }) =>
    unlessGone(engine.removeContainer(container, undefined, { keepsVolumes })),
};

async function done(call: Promise<void>): Promise<Moved> {
  await call;
  return undefined;
}

/** To take away what is not there any more is done. */
async function unlessGone(call: Promise<void>): Promise<Moved> {
  try {
    await call;
  } catch (error) {
    if (!isAppError(error, 'not-found')) throw error;
  }
  return undefined;
}

async function withLogin<T>(
  { reference, logins }: { readonly reference: string } & Pick<MoveContext, 'logins'>,
  signal: AbortSignal,
  call: (login: RegistryLogin | undefined, problem: string | undefined) => Promise<T>,
): Promise<T> {
  const { login, problem } = (await logins?.forReference(reference, signal)) ?? {};
  try {
    return await call(login, problem);
  } catch (error) {
    throw withProblems(error, problem === undefined ? [] : [problem]);
  }
}

async function withinSeconds<T>(
  seconds: number,
  what: string,
  signal: AbortSignal,
  action: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limited = withDeadline(seconds * 1_000, signal);
  try {
    return await action(limited);
  } catch (cause) {
    if (signal.aborted || !limited.aborted) throw cause;
    throw new AppError('limit-exceeded', `Cannot ${what}: not done after ${seconds} s`, { cause });
  }
}

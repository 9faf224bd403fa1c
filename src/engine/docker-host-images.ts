import * as z from 'zod';
import { registryOf, splitReference } from '../base/image-reference.ts';
import { AppError } from '../contracts/errors.ts';
import type { DockerCall, DockerConnection } from './docker-connection.ts';
import { orUndefined } from './docker-errors.ts';
import { authOf, buildImage } from './docker-host-build.ts';
import { isRefusedWith, named, registryError } from './docker-host-errors.ts';
import { follow } from './docker-host-progress.ts';
import { ask, tell } from './docker-request.ts';
import type { HostEngine, PullOptions, RegistryLogin } from './host-engine.ts';

type ImageCalls = Pick<HostEngine, 'pull' | 'push' | 'build' | 'tagImage' | 'removeImage'>;

const imageSchema = z.object({ Id: z.string(), RepoDigests: z.array(z.string()).nullish() });

export function hostImageCalls(connection: DockerConnection): ImageCalls {
  return {
    pull: (reference, options = {}) => named(pull(connection, reference, options), registryError),
    push: (reference, options = {}) => named(push(connection, reference, options), registryError),
    build: (context, request) => named(buildImage(connection, context, request), registryError),
    async tagImage(reference, tag, signal) {
      const call = { action: `tag image "${reference}"`, signal, missing: 'image-missing' } as const;
      const { repository, version } = splitReference(tag);
      const query = { repo: repository, tag: version };
      await named(tell(connection, call, { method: 'POST', path: `${imagePath(reference)}/tag`, query }));
    },
    async removeImage(reference) {
      const call = { action: `remove image "${reference}"` };
      try {
        await orUndefined(tell(connection, call, { method: 'DELETE', path: imagePath(reference) }));
      } catch (error) {
        // Another name of it was removed at this moment, and the image with it.
        if (!isRefusedWith(error, /unrecognized image ID/i)) throw error;
      }
    },
  };
}

async function pull(connection: DockerConnection, reference: string, options: PullOptions): Promise<string> {
  const call: DockerCall = { action: `pull image "${reference}"`, signal: options.signal, missing: 'image-missing' };
  const { repository, version } = splitReference(reference);
  const query = { fromImage: repository, tag: version };
  const line = { method: 'POST', path: '/images/create', query, ...loginOf(reference, options.login) } as const;
  await follow(connection, call, { line, ...options });
  return (await inspect(connection, reference, options.signal)).Id;
}

async function push(connection: DockerConnection, reference: string, options: PullOptions): Promise<string> {
  const call: DockerCall = { action: `push image "${reference}"`, signal: options.signal, missing: 'image-missing' };
  const { repository, version } = splitReference(reference);
  const login = loginOf(reference, options.login);
  const line = { method: 'POST', path: `${imagePath(repository)}/push`, query: { tag: version }, ...login } as const;
  let digest: string | undefined;
  await follow(connection, call, {
    line,
    ...options,
    onMessage: ({ aux, status }) => {
      digest =
        pushedSchema.safeParse(aux).data?.Digest ?? /digest: (sha256:[0-9a-f]{64})/.exec(status ?? '')?.[1] ?? digest;
    },
  });
  digest ??= await knownDigest(connection, reference, options.signal);
  if (digest !== undefined) return digest;
  throw new AppError('internal', `Cannot ${call.action}: the engine says no digest`);
}

const pushedSchema = z.object({ Digest: z.string() });

/** For engines that do not tell it on the way: what they then know of the image. */
async function knownDigest(
  connection: DockerConnection,
  reference: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const { repository } = splitReference(reference);
  const { RepoDigests: digests } = await inspect(connection, reference, signal);
  const known = digests?.filter((digest) => digest.startsWith(`${repository}@`)) ?? [];
  return known.length === 1 ? known[0]?.slice(repository.length + 1) : undefined;
}

async function inspect(
  connection: DockerConnection,
  reference: string,
  signal: AbortSignal | undefined,
): Promise<z.infer<typeof imageSchema>> {
  const call = { action: `look at image "${reference}"`, signal, missing: 'image-missing' } as const;
  return await ask(connection, call, { method: 'GET', path: `${imagePath(reference)}/json`, answer: imageSchema });
}

/** Slashes stay: the engine reads the rest of the path as a reference. */
function imagePath(reference: string): string {
  return `/images/${reference.split('/').map(encodeURIComponent).join('/')}`;
}

/** Engines want one with every pull and push, empty where there is none. */
function loginOf(reference: string, login: RegistryLogin | undefined): { readonly login: object } {
  if (login === undefined) return { login: {} };
  return { login: authOf(login, registryOf(reference) ?? 'https://index.docker.io/v1/') };
}

import { Readable } from 'node:stream';
import * as z from 'zod';
import { splitReference } from '../base/image-reference.ts';
import { AppError } from '../contracts/errors.ts';
import type { DockerCall, DockerConnection } from './docker-connection.ts';
import { firstToldSecret } from './docker-host-build-secrets.ts';
import { follow } from './docker-host-progress.ts';
import { tell } from './docker-request.ts';
import type { ByteStream } from './engine.ts';
import type { BuildRequest, RegistryLogin } from './host-engine.ts';

const builtSchema = z.object({ ID: z.string() });

/** Builds with the classic builder, the one that needs no session. */
export async function buildImage(
  connection: DockerConnection,
  context: ByteStream,
  request: BuildRequest,
): Promise<string> {
  const call: DockerCall = { action: `build image "${request.tag}"`, signal: request.signal };
  const secrets = request.secretArgs ?? {};
  if (Object.keys(secrets).length === 0) return await build(connection, call, { context, request, tag: request.tag });
  // It gets its name only once it is known to tell no secret.
  const id = await build(connection, call, { context, request, tag: undefined });
  const told = await firstToldSecret(connection, { call, image: id, secrets });
  const path = `/images/${id}`;
  if (told === undefined) {
    const { repository, version } = splitReference(request.tag);
    await tell(connection, call, { method: 'POST', path: `${path}/tag`, query: { repo: repository, tag: version } });
    return id;
  }
  // Another name of it would be somebody else's: only what nothing refers to goes.
  if (!told.hasTags) await tell(connection, call, { method: 'DELETE', path });
  throw new AppError('invalid-input', `Cannot ${call.action}: its history would tell the secret "${told.name}"`, {
    next: 'Declare it with ARG in an earlier stage only, and COPY --from there what it was needed for.',
  });
}

interface Build {
  readonly context: ByteStream;
  readonly request: BuildRequest;
  readonly tag: string | undefined;
}

async function build(connection: DockerConnection, call: DockerCall, { context, request, tag }: Build) {
  const content = Readable.from(context);
  const line = { method: 'POST', path: '/build', query: buildQuery(request, tag), content } as const;
  let id: string | undefined;
  try {
    await follow(connection, call, {
      ...request,
      line: { ...line, logins: authsOf(request.logins ?? {}) },
      onMessage: ({ aux, text }) => {
        id = builtSchema.safeParse(aux).data?.ID ?? id;
        if (text !== '') request.onOutput?.(text);
      },
    });
  } finally {
    // The client leaves it open when the engine refuses or goes away.
    content.destroy();
  }
  if (id !== undefined) return id;
  throw new AppError('internal', `Cannot ${call.action}: the engine ended the build without a result`);
}

function authsOf(logins: Readonly<Record<string, RegistryLogin>>): Readonly<Record<string, object>> {
  return Object.fromEntries(Object.entries(logins).map(([registry, login]) => [registry, authOf(login, registry)]));
}

/** As the engine wants it. */
export function authOf(login: RegistryLogin, serveraddress: string): object {
  return 'identityToken' in login ? { identitytoken: login.identityToken, serveraddress } : { ...login, serveraddress };
}

function buildQuery(request: BuildRequest, tag: string | undefined): Readonly<Record<string, unknown>> {
  return {
    t: tag,
    dockerfile: request.dockerfile,
    buildargs: { ...request.args, ...request.secretArgs },
    labels: request.labels,
    target: request.target,
    ...(!request.useCache && { nocache: 1 }),
    ...(request.pullBase && { pull: 1 }),
    rm: 1,
    forcerm: 1,
  };
}

import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import * as z from 'zod';
import type { DockerCall, DockerConnection, DockerRequest } from './docker-connection.ts';
import { dial } from './docker-dial.ts';
import { orUndefined } from './docker-errors.ts';
import { followProgress } from './docker-stream.ts';
import type {
  BuildOptions,
  ByteStream,
  EngineImages,
  ImageState,
  ImageSummary,
  ImportOptions,
  ProgressOptions,
} from './engine.ts';

/** A step of a build, or the unpacking of an image, says nothing while it lasts. */
const silentFactor = 5;

const imageSchema = z.object({
  Id: z.string(),
  Size: z.number(),
  RepoDigests: z.array(z.string()).nullish(),
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }).nullish(),
});

export function imageCalls(connection: DockerConnection): EngineImages {
  return {
    inspectImage: (reference) => inspect(connection, reference),
    listImages: (repository) => list(connection, repository),
    tagImage: (reference, tag) => tagAs(connection, reference, tag),
    removeImage: (reference) => remove(connection, reference),
    pruneImages: (labels) => prune(connection, labels),
    pullImage: (reference, options = {}) => pull(connection, reference, options),
    saveImage: (reference, signal) => save(connection, reference, signal),
    loadImage: (images, options = {}) => load(connection, images, options),
    importImage: (rootFileSystem, options) => importTar(connection, rootFileSystem, options),
    buildImage: (context, options) => build(connection, context, options),
  };
}

async function inspect(connection: DockerConnection, reference: string): Promise<ImageState | undefined> {
  const call = { action: `look at image "${reference}"` };
  const answer = connection.call(call, async (docker, { signal }) =>
    imageSchema.parse(await json(await dial(docker, { path: `/images/${reference}/json`, method: 'GET' }, signal))),
  );
  const found = await orUndefined(answer);
  if (found === undefined) return undefined;
  const { Id: id, Size: sizeBytes, Config: config, RepoDigests: registryDigests } = found;
  return { id, labels: config?.Labels ?? {}, sizeBytes, registryDigests: registryDigests ?? [] };
}

async function list(connection: DockerConnection, repository: string): Promise<ImageSummary[]> {
  const filters = JSON.stringify({ reference: [repository] });
  const found = await connection.call({ action: 'list images' }, (docker, { signal: abortSignal }) =>
    docker.listImages({ filters, abortSignal }),
  );
  return found.map((one) => ({ id: one.Id, tags: one.RepoTags ?? [], createdAtMs: one.Created * 1000 }));
}

async function tagAs(connection: DockerConnection, reference: string, tag: string): Promise<void> {
  const { repository, version } = splitTag(tag);
  const call = { action: `tag image "${reference}"`, missing: 'image-missing' } as const;
  await connection.call(call, (docker, { signal: abortSignal }) =>
    docker.getImage(reference).tag({ repo: repository, tag: version, abortSignal }),
  );
}

async function remove(connection: DockerConnection, reference: string): Promise<void> {
  const call = { action: `remove image "${reference}"` };
  await orUndefined(
    connection.call(call, (docker, { signal: abortSignal }) => docker.getImage(reference).remove({ abortSignal })),
  );
}

async function prune(connection: DockerConnection, labels: Readonly<Record<string, string>>): Promise<void> {
  const filters = { dangling: ['true'], label: Object.entries(labels).map(([name, value]) => `${name}=${value}`) };
  await connection.call({ action: 'remove unused images' }, (docker, { signal: abortSignal }) =>
    docker.pruneImages({ filters, abortSignal }),
  );
}

async function pull(
  connection: DockerConnection,
  reference: string,
  { signal, onProgress }: ProgressOptions,
): Promise<void> {
  const call = { action: `pull image "${reference}"`, signal, missing: 'image-missing' } as const;
  const request: DockerRequest<NodeJS.ReadableStream> = (docker, deadline) =>
    docker.pull(reference, { abortSignal: deadline.signal });
  await follow(connection, call, { request, onProgress });
}

async function* save(
  connection: DockerConnection,
  reference: string,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const call = { action: `save image "${reference}"`, signal, missing: 'image-missing' } as const;
  yield* connection.stream({ ...call, answerMs: connection.answerMs * silentFactor }, (docker, deadline) =>
    dial(docker, { path: `/images/${reference}/get`, method: 'GET' }, deadline.signal),
  );
}

async function load(
  connection: DockerConnection,
  images: ByteStream,
  { signal, onProgress }: ProgressOptions,
): Promise<void> {
  const request: DockerRequest<NodeJS.ReadableStream> = (docker, deadline) =>
    docker.loadImage(Readable.from(deadline.sending(images)), { abortSignal: deadline.signal });
  await follow(connection, { action: 'load an image', signal }, { request, onProgress });
}

async function importTar(
  connection: DockerConnection,
  rootFileSystem: ByteStream,
  { tag, labels, signal, onProgress }: ImportOptions,
): Promise<void> {
  const { repository, version } = splitTag(tag);
  const changes = Object.entries(labels).map(([name, value]) => `LABEL ${name}=${value}`);
  const request: DockerRequest<NodeJS.ReadableStream> = (docker, deadline) => {
    const query = { repo: repository, tag: version, changes, abortSignal: deadline.signal };
    return docker.importImage(Readable.from(deadline.sending(rootFileSystem)), query);
  };
  await follow(connection, { action: 'import a base image', signal }, { request, onProgress });
}

async function build(
  connection: DockerConnection,
  context: ByteStream,
  { tag, dockerfile, buildArguments, onProgress, signal }: BuildOptions,
): Promise<void> {
  const request: DockerRequest<NodeJS.ReadableStream> = (docker, deadline) =>
    docker.buildImage(Readable.from(deadline.sending(context)), {
      abortSignal: deadline.signal,
      t: tag,
      dockerfile,
      buildargs: { ...buildArguments },
      rm: true,
      forcerm: true,
    });
  await follow(connection, { action: 'build an image', signal }, { request, onProgress });
}

interface Followed {
  readonly request: DockerRequest<NodeJS.ReadableStream>;
  readonly onProgress: ((line: string) => void) | undefined;
}

async function follow(
  connection: DockerConnection,
  call: DockerCall,
  { request, onProgress }: Followed,
): Promise<void> {
  const answer = connection.stream({ ...call, answerMs: connection.answerMs * silentFactor }, request);
  await followProgress(answer, call.action, onProgress);
}

/** `host:5000/name:version` is a repository and a version; without a version it is `latest`. */
function splitTag(tag: string): { readonly repository: string; readonly version: string } {
  const colon = tag.lastIndexOf(':');
  if (colon <= tag.lastIndexOf('/')) return { repository: tag, version: 'latest' };
  return { repository: tag.slice(0, colon), version: tag.slice(colon + 1) };
}

import { Readable } from 'node:stream';
import { isAppError } from '../contracts/errors.ts';
import type { DockerConnection } from './docker-connection.ts';
import { engineError } from './docker-errors.ts';
import { followProgress } from './docker-stream.ts';
import type { ByteStream, EngineImages, ProgressOptions } from './engine.ts';

export function imageCalls(connection: DockerConnection): EngineImages {
  return {
    async inspectImage(reference) {
      try {
        const call = { action: `look at image "${reference}"` };
        const found = await connection.call(call, (docker) => docker.getImage(reference).inspect());
        return { id: found.Id, labels: found.Config.Labels ?? {}, sizeBytes: found.Size };
      } catch (error) {
        if (isAppError(error, 'not-found')) return undefined;
        throw error;
      }
    },
    async tagImage(reference, tag) {
      const { repository, version } = splitTag(tag);
      await connection.call({ action: `tag image "${reference}"`, missing: 'image-missing' }, (docker) =>
        docker.getImage(reference).tag({ repo: repository, tag: version }),
      );
    },
    async removeImage(reference) {
      try {
        await connection.call({ action: `remove image "${reference}"` }, (docker) =>
          docker.getImage(reference).remove(),
        );
      } catch (error) {
        if (!isAppError(error, 'not-found')) throw error;
      }
    },
    async pruneImages(labels) {
      const filters = { dangling: ['true'], label: Object.entries(labels).map(([name, value]) => `${name}=${value}`) };
      await connection.call({ action: 'remove unused images' }, (docker) => docker.pruneImages({ filters }));
    },
    async pullImage(reference, options = {}) {
      const call = { action: `pull image "${reference}"`, signal: options.signal, missing: 'image-missing' } as const;
      const answer = connection.call(call, (docker) => docker.pull(reference, abortable(options.signal)));
      await follow(connection, { action: call.action, answer, ...options });
    },
    async importImage(rootFileSystem, { tag, labels, ...options }) {
      const { repository, version } = splitTag(tag);
      const action = `import image "${tag}"`;
      const changes = Object.entries(labels).map(([name, value]) => `LABEL ${name}=${value}`);
      const query = { repo: repository, tag: version, changes, ...abortable(options.signal) };
      const answer = connection.call({ action, signal: options.signal }, (docker) =>
        docker.importImage(Readable.from(rootFileSystem), query),
      );
      await follow(connection, { action, answer, ...options });
    },
    async buildImage(context, { tag, dockerfile, buildArguments, onProgress, signal }) {
      const action = `build image "${tag}"`;
      const answer = connection.call({ action, signal }, (docker) =>
        docker.buildImage(Readable.from(context), {
          ...abortable(signal),
          t: tag,
          dockerfile,
          buildargs: { ...buildArguments },
          rm: true,
          forcerm: true,
        }),
      );
      await follow(connection, { action, answer, ...(onProgress && { onProgress }), ...(signal && { signal }) });
    },
  };
}

/** The client takes the signal out of the object it is given, so each call gets its own. */
function abortable(signal: AbortSignal | undefined): { abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal };
}

interface Followed extends ProgressOptions {
  readonly action: string;
  readonly answer: Promise<NodeJS.ReadableStream>;
}

async function follow(connection: DockerConnection, { action, answer, onProgress, signal }: Followed): Promise<void> {
  const stream = (await answer) as unknown as ByteStream & NodeJS.ReadableStream;
  try {
    await followProgress(stream, action, onProgress);
  } catch (error) {
    throw engineError(error, { action, signal, address: connection.address });
  }
}

/** `host:5000/name:version` is a repository and a version; without a version it is `latest`. */
function splitTag(tag: string): { readonly repository: string; readonly version: string } {
  const colon = tag.lastIndexOf(':');
  if (colon <= tag.lastIndexOf('/')) return { repository: tag, version: 'latest' };
  return { repository: tag.slice(0, colon), version: tag.slice(colon + 1) };
}

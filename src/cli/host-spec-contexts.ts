import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { byteText } from '../base/byte-text.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { type HostSpec, type ImageSpec, specLimits } from '../contracts/host-spec.ts';
import { type Digest, digestSchema } from '../contracts/ids.ts';
import type { ServerClient } from '../server-client/server-client.ts';
import { contextTar } from './build-context.ts';
import { type BuildContext, type ContextEntries, contextEntries, contextProblem } from './context-entries.ts';
import type { GivenSpec } from './given-spec.ts';

const uploadMs = 3_600_000;

export interface PackedContext extends BuildContext, ContextEntries {
  /** Of its tar. */
  readonly sizeBytes: number;
}

/** A spec as a server takes it, with where the contexts it names by digest come from. */
export interface PackedSpec {
  readonly spec: HostSpec;
  readonly contexts: ReadonlyMap<Digest, PackedContext>;
}

/** Puts the digest of each context in the place of its folder. One that is a digest already stays. */
export async function packContexts(given: GivenSpec): Promise<PackedSpec> {
  const contexts = new Map<Digest, PackedContext>();
  const images: Record<string, ImageSpec> = {};
  for (const [name, image] of Object.entries(given.spec.images)) {
    const { build } = image;
    if (build === undefined || digestSchema.safeParse(build.context).success) {
      images[name] = image;
      continue;
    }
    const context = { folder: resolve(given.folder, build.context), dockerfile: build.dockerfile };
    const { digest, packed } = await pack(context, (state) => refused(given, name, state));
    contexts.set(digest, packed);
    images[name] = { ...image, build: { ...build, context: digest } };
  }
  return { spec: { ...given.spec, images }, contexts };
}

function refused({ placeOf, spec }: GivenSpec, name: string, state: string): AppError {
  const path = ['images', name, 'build', 'context'];
  const folder = spec.images[name]?.build?.context ?? '';
  return new AppError('invalid-input', `Cannot use build context "${folder}": ${placeOf(path)}: ${state}`);
}

async function pack(context: BuildContext, refuse: (state: string) => AppError) {
  const problem = await contextProblem(context);
  if (problem !== undefined) throw refuse(problem);
  const { entries, leftOut } = await contextEntries(context);
  const tooLarge = sizeProblem(entries);
  if (tooLarge !== undefined) throw refuse(tooLarge);
  const hashed = new HashedTar(contextTar(context.folder, { entries }));
  for await (const _ of hashed.content());
  const { digest, sizeBytes } = hashed;
  return { digest, packed: { ...context, entries, leftOut, sizeBytes } };
}

/** Before any of it is read. */
function sizeProblem(entries: ContextEntries['entries']): string | undefined {
  const files = entries.flatMap((entry) => (entry.kind === 'file' ? [entry] : []));
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  if (sizeBytes <= specLimits.contextBytes) return undefined;
  const [largest] = files.sort((a, b) => b.sizeBytes - a.sizeBytes);
  const which = largest && `, ${byteText(largest.sizeBytes)} of it "${largest.path}"`;
  return `it has ${byteText(sizeBytes)}${which}; it may have ${byteText(specLimits.contextBytes)}: name what it does not need in .dockerignore`;
}

/** What of a tar has been read so far. */
class HashedTar {
  readonly #tar: AsyncIterable<Uint8Array>;
  readonly #hash = createHash('sha256');
  sizeBytes = 0;
  /** Why reading it ended early. */
  problem: unknown;

  constructor(tar: AsyncIterable<Uint8Array>) {
    this.#tar = tar;
  }

  get digest(): Digest {
    return digestSchema.parse(`sha256:${this.#hash.copy().digest('hex')}`);
  }

  async *content(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of this.#tar) {
        this.#hash.update(chunk);
        this.sizeBytes += chunk.length;
        yield chunk;
      }
    } catch (error) {
      this.problem = error;
      throw error;
    }
  }
}

/** Hands in the contexts that the server does not have yet. */
export async function handInContexts(
  client: ServerClient,
  { contexts }: PackedSpec,
  onUpload: (context: PackedContext) => Promise<void>,
): Promise<void> {
  const hostBytes = [...contexts.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  for (const [digest, context] of contexts) {
    const { sizeBytes } = context;
    const query = { sizeBytes, hostBytes };
    if ((await client.call('hasContext', { params: { digest }, query })).exists) continue;
    await onUpload(context);
    await handIn(client, digest, context);
  }
}

async function handIn(client: ServerClient, digest: Digest, context: PackedContext): Promise<void> {
  const { folder, sizeBytes } = context;
  const tar = new HashedTar(contextTar(folder, context));
  try {
    const request = { params: { digest }, query: { sizeBytes }, body: tar.content() };
    await client.call('putContext', request, { timeoutMs: uploadMs });
  } catch (error) {
    if (isAppError(tar.problem)) throw tar.problem; // Its own words, not those of a broken connection.
    if (!isAppError(error, 'invalid-input') || tar.sizeBytes < sizeBytes || tar.digest === digest) throw error;
    throw new AppError('not-ready', `Cannot hand in build context "${folder}": it changed meanwhile`, {
      cause: error,
      next: 'Apply again.',
    });
  }
}

import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { byteText } from '../base/byte-text.ts';
import { AppError } from '../contracts/errors.ts';
import { type HostSpec, type ImageSpec, specLimits } from '../contracts/host-spec.ts';
import { type Digest, digestSchema } from '../contracts/ids.ts';
import type { ServerClient } from '../server-client/server-client.ts';
import { type BuildContext, contextProblem, contextTar } from './build-context.ts';
import type { GivenSpec } from './given-spec.ts';

const uploadMs = 3_600_000;

export interface PackedContext extends BuildContext {
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
    const problem = await contextProblem(context);
    if (problem !== undefined) throw refused(given, name, problem);
    const { digest, sizeBytes } = await measure(context, (state) => refused(given, name, state));
    contexts.set(digest, { ...context, sizeBytes });
    images[name] = { ...image, build: { ...build, context: digest } };
  }
  return { spec: { ...given.spec, images }, contexts };
}

function refused({ placeOf, spec }: GivenSpec, name: string, state: string): AppError {
  const path = ['images', name, 'build', 'context'];
  const folder = spec.images[name]?.build?.context ?? '';
  return new AppError('invalid-input', `Cannot use build context "${folder}": ${placeOf(path)}: ${state}`);
}

async function measure(context: BuildContext, refuse: (state: string) => AppError) {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of contextTar(context)) {
    hash.update(chunk);
    sizeBytes += chunk.length;
    if (sizeBytes > specLimits.contextBytes) {
      const most = byteText(specLimits.contextBytes);
      throw refuse(`it is larger than ${most}: name what it does not need in .dockerignore`);
    }
  }
  return { digest: digestSchema.parse(`sha256:${hash.digest('hex')}`), sizeBytes };
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
    const params = { digest };
    if ((await client.call('hasContext', { params, query: { sizeBytes, hostBytes } })).exists) continue;
    await onUpload(context);
    const request = { params, query: { sizeBytes }, body: contextTar(context) };
    await client.call('putContext', request, { timeoutMs: uploadMs });
  }
}

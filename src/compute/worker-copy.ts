import { byteText } from '../base/byte-text.ts';
import { isLoopbackRegistry, registryOf } from '../base/image-reference.ts';
import { AppError, isAppError } from '../contracts/errors.ts';
import { workerImage } from '../contracts/names.ts';
import type { Engine } from '../engine/engine.ts';
import { digestTag } from './image-kind.ts';
import { buildWorkerBundle } from './worker-bundle.ts';
import { accept, findPresent, type PrepareOptions, prepareWorkerImage, type WantedImage } from './worker-image.ts';

export interface CopyOptions extends PrepareOptions {
  /** Has the other engine pull a reference, with what it needs to be let in. Default: nothing is pulled. */
  readonly pull?: (reference: string) => Promise<unknown>;
}

export interface CopiedImage {
  readonly imageId: string;
  /** `same` where both are one engine. */
  readonly how: 'present' | 'same' | 'pulled' | 'copied';
}

/**
 * Brings the worker image from an engine that has it, or can build it, to another one: by its digest where a registry has
 * it, else as a copy. Raises `refused` where their processors differ, before anything is built or copied.
 */
export async function copyWorkerImage(from: Engine, to: Engine, options: CopyOptions): Promise<CopiedImage> {
  const { packageRoot, runtime = 'command', signal } = options;
  const { digest } = await buildWorkerBundle(packageRoot);
  const wanted: WantedImage = { digest, runtime };
  const present = await findPresent(to, wanted);
  if (present !== undefined) return { imageId: present, how: 'present' };
  await refuseOtherProcessor(from, to, signal);
  const { imageId } = await prepareWorkerImage(from, options);
  const own = await findPresent(to, wanted);
  if (own !== undefined) return { imageId: own, how: 'same' };
  return (
    (await pullByDigest({ from, to, imageId, wanted }, options)) ?? (await copy({ from, to, imageId, wanted }, options))
  );
}

interface Way {
  readonly from: Engine;
  readonly to: Engine;
  readonly imageId: string;
  readonly wanted: WantedImage;
}

async function refuseOtherProcessor(from: Engine, to: Engine, signal: AbortSignal | undefined): Promise<void> {
  const [here, there] = await Promise.all([from.information(signal), to.information(signal)]);
  if (there.operatingSystem === here.operatingSystem && there.architecture === here.architecture) return;
  const state = `it runs ${there.operatingSystem} on ${there.architecture}, the image is for ${here.operatingSystem} on ${here.architecture}`;
  throw new AppError('refused', `Cannot bring the worker image to ${to.address}: ${state}`, {
    next: 'Build it on a machine of that kind: `agora worker build` there.',
  });
}

/** Undefined where no registry has it, or the other engine does not get it from there. */
async function pullByDigest(
  { from, to, imageId, wanted }: Way,
  { pull, onProgress, signal }: CopyOptions,
): Promise<CopiedImage | undefined> {
  if (pull === undefined) return undefined;
  const { registryDigests = [] } = (await from.inspectImage(imageId)) ?? {};
  for (const reference of registryDigests.filter(isOfRegistry)) {
    onProgress?.(`Pulling ${reference} at ${to.address}`);
    try {
      await pull(reference);
      return { imageId: await accept(to, wanted, reference), how: 'pulled' };
    } catch (error) {
      signal?.throwIfAborted();
      if (!isAppError(error) || error.code === 'unreachable') throw error;
      onProgress?.(error.message);
    }
  }
  return undefined;
}

/** Some engines know images by digest that were built and never pushed. */
function isOfRegistry(reference: string): boolean {
  return !reference.startsWith(`${workerImage.repository}@`) && !isLoopbackRegistry(registryOf(reference) ?? '');
}

async function copy({ from, to, imageId, wanted }: Way, { onProgress, signal }: CopyOptions): Promise<CopiedImage> {
  const sizeBytes = (await from.inspectImage(imageId))?.sizeBytes ?? 0;
  onProgress?.(`Copying ${byteText(sizeBytes)} from ${from.address} to ${to.address}`);
  const tag = digestTag(wanted.digest, wanted.runtime);
  await to.loadImage(from.saveImage(tag, signal), { ...(signal && { signal }) });
  return { imageId: await accept(to, wanted, tag), how: 'copied' };
}

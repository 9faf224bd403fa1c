import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { diskFullError, makePrivateFolder } from '../base/atomic-file.ts';
import { digestOfStream } from '../base/hash.ts';
import { AppError, systemErrorCode } from '../contracts/errors.ts';
import { digestSchema } from '../contracts/ids.ts';
import type { HostEngine } from '../engine/host-engine.ts';
import type { ImageBuildRequest } from './apply-moves.ts';
import type { Link } from './link.ts';

export interface ImageBuilderOptions {
  readonly engine: HostEngine;
  readonly link: Pick<Link, 'send'>;
  /** Contexts are put in folders of their own in it. */
  readonly folder: string;
  /** Whether a context is removed once its build has ended. Default: true. */
  readonly deletesContext?: boolean;
  readonly openSecrets: (refs: Readonly<Record<string, string>>) => Promise<Readonly<Record<string, string>>>;
  readonly onLine?: (image: string, line: string) => void;
}

const fetchMs = 1_800_000;

/** Builds images on this host from contexts that the server keeps. */
export class ImageBuilder {
  readonly #options: ImageBuilderOptions;

  constructor(options: ImageBuilderOptions) {
    this.#options = options;
  }

  async build({ image, spec, tag, labels }: ImageBuildRequest, signal: AbortSignal): Promise<string> {
    const { engine, openSecrets, deletesContext = true, onLine } = this.#options;
    const folder = await this.#makeFolder();
    try {
      const context = join(folder, 'context.tar');
      await this.#fetch(spec.context, context, signal);
      const args = { ...spec.args, ...(await openSecrets(spec.secrets)) };
      const { dockerfile, target, useCache, pullBase } = spec;
      return await engine.build(createReadStream(context), {
        tag,
        args,
        labels,
        dockerfile,
        target,
        useCache,
        pullBase,
        signal,
        ...(onLine !== undefined && { onProgress: (line: string) => onLine(image, line) }),
      });
    } finally {
      if (deletesContext) await rm(folder, { recursive: true, force: true });
    }
  }

  async #makeFolder(): Promise<string> {
    const { folder } = this.#options;
    try {
      await makePrivateFolder(folder);
      return await mkdtemp(join(folder, 'agora-build-'));
    } catch (cause) {
      const state = systemErrorCode(cause) ?? 'it cannot be made';
      throw (
        diskFullError(folder, cause) ??
        new AppError('invalid-config', `Cannot use the build directory "${folder}": ${state}`, { cause })
      );
    }
  }

  /** To a file, because the engine's pace is not the network's: a build must not hold a connection open. */
  async #fetch(context: string, path: string, signal: AbortSignal): Promise<void> {
    const digest = digestSchema.parse(context);
    const response = await this.#options.link.send(
      'fetchContext',
      { params: { digest } },
      { signal, timeoutMs: fetchMs },
    );
    if (response.body === null)
      throw new AppError('unreachable', `Cannot fetch build context "${digest}": no body came`);
    try {
      await pipeline(Readable.fromWeb(response.body), createWriteStream(path, { mode: 0o600 }), { signal });
    } catch (cause) {
      signal.throwIfAborted();
      throw (
        diskFullError(path, cause) ??
        new AppError('unreachable', `Cannot fetch build context "${digest}": the connection was lost`, { cause })
      );
    }
    const actual = await digestOfStream(createReadStream(path));
    if (actual === digest) return;
    throw new AppError('artifact-mismatch', `Cannot use build context "${digest}": what came is ${actual}`);
  }
}

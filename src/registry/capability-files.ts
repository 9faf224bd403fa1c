import { type Capability, capabilityLimits } from '../contracts/capability.ts';
import { AppError } from '../contracts/errors.ts';
import type { Storage } from '../storage/storage.ts';
import { CredentialScanner } from './credential-stream.ts';

/** A file that is read when it is stored. */
export interface CapabilityFileSource {
  /** What it is thought to hold; what it does hold is counted while it is read. */
  readonly sizeBytes?: number;
  readonly isExecutable?: boolean;
  open(): AsyncIterable<Uint8Array>;
}

export type CapabilityFile = string | Uint8Array | CapabilityFileSource;

export function isCapabilityFile(value: unknown): value is CapabilityFile {
  if (typeof value === 'string' || value instanceof Uint8Array) return true;
  return typeof value === 'object' && value !== null && 'open' in value && typeof value.open === 'function';
}

type StoredFile = Capability['files'][number];

/** Syncing to disk is most of the time a small file takes, and it overlaps well. */
const filesAtOnce = 16;

/** The size of a file, as far as it is known before it is read. */
export function sizeOf(file: CapabilityFile): number | undefined {
  if (typeof file === 'string') return Buffer.byteLength(file);
  return file instanceof Uint8Array ? file.byteLength : file.sizeBytes;
}

/** Stores each file as a blob, scanned and counted while it passes. The first failure ends it. */
export async function storeFiles(
  storage: Storage,
  capability: string,
  files: readonly (readonly [path: string, file: CapabilityFile])[],
): Promise<StoredFile[]> {
  const stored: StoredFile[] = [];
  const passage = new Passage(capability);
  const waiting = files.values();
  let isOver = false;
  const storeSome = async () => {
    for (const [path, file] of waiting) {
      if (isOver) return;
      const blob = await storage.putBlob(passage.through(path, open(file)));
      stored.push({ path, mode: isExecutable(file) ? 0o755 : 0o644, ...blob });
    }
  };
  const lanes = Array.from({ length: filesAtOnce }, () =>
    storeSome().catch((error: unknown) => {
      isOver = true;
      throw error;
    }),
  );
  // All have ended before the failure is told: nothing is written after it.
  const failed = (await Promise.allSettled(lanes)).find((lane) => lane.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return stored.sort((left, right) => (left.path < right.path ? -1 : 1));
}

class Passage {
  readonly #capability: string;
  #bytes = 0;

  constructor(capability: string) {
    this.#capability = capability;
  }

  async *through(path: string, content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const scanner = new CredentialScanner();
    for await (const chunk of content) {
      this.#bytes += chunk.byteLength;
      if (this.#bytes > capabilityLimits.bytes) throw tooLarge(this.#capability);
      this.#refuse(path, scanner.add(chunk));
      yield chunk;
    }
    this.#refuse(path, scanner.end());
  }

  #refuse(path: string, found: { readonly kind: string; readonly line: number } | undefined): void {
    if (found === undefined) return;
    const place = `${JSON.stringify(path)} line ${found.line}`;
    const message = `Cannot register capability "${this.#capability}": ${place} looks like ${found.kind}`;
    throw new AppError('refused', message, {
      next: 'Take it out and give it as a secret of an env: the files of a capability are stored in clear.',
    });
  }
}

export function tooLarge(capability: string): AppError {
  const megabytes = capabilityLimits.bytes / 1024 / 1024;
  const message = `Cannot register capability "${capability}": its files hold more than ${megabytes} MiB`;
  return new AppError('limit-exceeded', message, {
    next: 'Leave out what a setup script can fetch, or use several capabilities.',
  });
}

async function* open(file: CapabilityFile): AsyncGenerator<Uint8Array> {
  if (typeof file === 'string') yield Buffer.from(file);
  else if (file instanceof Uint8Array) yield file;
  else yield* file.open();
}

function isExecutable(file: CapabilityFile): boolean {
  if (typeof file === 'string' || file instanceof Uint8Array) return false;
  return file.isExecutable === true;
}

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import { AppError, systemErrorCode } from '../contracts/errors.ts';
import { checkedSecret, mostSecretBytes } from './secret-value.ts';
import type { SecretSource } from './secrets.ts';

export interface FileSecretSourceOptions {
  /** Where relative paths start. Default: they are refused. */
  readonly folder?: string;
}

/** Secrets in files of the machine that starts a dispatch: `file:<path>`. One line feed at the end is not part of it. */
export class FileSecretSource implements SecretSource {
  readonly #folder: string | undefined;

  constructor({ folder }: FileSecretSourceOptions = {}) {
    this.#folder = folder;
  }

  knows(ref: string): boolean {
    return ref.startsWith('file:');
  }

  async resolve(ref: string): Promise<string> {
    const path = this.#pathOf(ref);
    const bytes = await readSmall(path, ref);
    const text = textOf(bytes);
    if (text === undefined) throw new AppError('invalid-input', `Cannot use secret "${ref}": the file is not UTF-8`);
    return checkedSecret(text.replace(/\r?\n$/, ''), `secret "${ref}"`);
  }

  #pathOf(ref: string): string {
    const path = ref.slice('file:'.length);
    if (isAbsolute(path)) return path;
    if (this.#folder !== undefined) return resolve(this.#folder, path);
    throw new AppError('refused', `Cannot resolve secret "${ref}": its path is relative, and to no known folder`, {
      next: 'Register it with an absolute path.',
    });
  }
}

async function readSmall(path: string, ref: string): Promise<Uint8Array> {
  const file = await openFile(path, ref);
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new AppError('refused', `Cannot resolve secret "${ref}": it is not a regular file`);
    const { bytesRead, buffer } = await file.read({ buffer: Buffer.alloc(mostSecretBytes + 3), position: 0 });
    if (bytesRead > mostSecretBytes + 2) {
      throw new AppError(
        'invalid-input',
        `Cannot use secret "${ref}": the file is larger than ${mostSecretBytes} bytes`,
      );
    }
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function openFile(path: string, ref: string): Promise<FileHandle> {
  try {
    // Not blocking: a pipe would wait for whoever writes it.
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const isMissing = ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(systemErrorCode(cause) ?? '');
    const state = isMissing ? 'there is no such file' : 'the file cannot be read';
    throw new AppError(isMissing ? 'not-found' : 'unreachable', `Cannot resolve secret "${ref}": ${state}`, { cause });
  }
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined; // How the decoder says that it is not UTF-8.
  }
}

import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { systemErrorCode } from '../../src/contracts/errors.ts';

const run = promisify(execFile);

/** A disk in memory, that can be full. To be made before whoever removes the folder that it will be in: it is gone earlier. */
export class SmallDisk {
  readonly #sizeBytes: number;
  #folder = '';

  constructor(t: TestContext, sizeBytes: number) {
    this.#sizeBytes = sizeBytes;
    t.after(() => (this.#folder === '' ? undefined : run('umount', ['-l', this.#folder])));
  }

  async mount(folder: string): Promise<void> {
    await mkdir(folder, { mode: 0o700 });
    await run('mount', ['-t', 'tmpfs', '-o', `size=${this.#sizeBytes},mode=700`, 'tmpfs', folder]);
    this.#folder = folder;
  }

  async fill(): Promise<void> {
    await writeFile(this.#filler, Buffer.alloc(this.#sizeBytes)).catch((error: unknown) => {
      if (systemErrorCode(error) !== 'ENOSPC') throw error;
    });
  }

  async free(): Promise<void> {
    await rm(this.#filler);
  }

  get #filler(): string {
    return join(this.#folder, 'filler');
  }
}

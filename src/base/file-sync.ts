import { type FileHandle, open } from 'node:fs/promises';

/** Puts what others write to a file on disk, off the event loop: all who wait at the same time share one round. */
export class FileSync {
  readonly #file: string;
  #opened: Promise<FileHandle> | undefined;
  #written = 0;
  #synced = 0;
  #syncing: Promise<void> | undefined;

  /** The file need not be there before the first wait. */
  constructor(file: string) {
    this.#file = file;
  }

  get isSynced(): boolean {
    return this.#synced === this.#written;
  }

  /** Something was written, or is before anything else happens. */
  wrote(): void {
    this.#written += 1;
  }

  /** Until all that was written so far is on disk. Raises what the system says; the next wait tries again. */
  async synced(): Promise<void> {
    const wanted = this.#written;
    while (this.#synced < wanted) {
      this.#syncing ??= this.#sync().finally(() => {
        this.#syncing = undefined;
      });
      await this.#syncing;
    }
  }

  /** Once what is under way has ended. */
  close(): void {
    const closed = this.#opened?.then((handle) => handle.close());
    void closed?.catch(() => undefined); // It was only ever read.
  }

  async #sync(): Promise<void> {
    this.#opened ??= open(this.#file, 'r');
    const handle = await this.#opened.catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    const upTo = this.#written;
    await handle.datasync();
    this.#synced = upTo;
  }
}

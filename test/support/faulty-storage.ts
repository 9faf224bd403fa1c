import type { AppError } from '../../src/contracts/errors.ts';
import type { Storage } from '../../src/storage/storage.ts';

/** A storage of which every question fails while `failure` is set. */
export class FaultyStorage implements Storage {
  failure: AppError | undefined;
  /** How often it failed. */
  failed = 0;
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  putBlob: Storage['putBlob'] = (content, options) => this.#ask(() => this.#storage.putBlob(content, options));
  statBlob: Storage['statBlob'] = (digest) => this.#ask(() => this.#storage.statBlob(digest));
  putName: Storage['putName'] = (path, text) => this.#ask(() => this.#storage.putName(path, text));
  createName: Storage['createName'] = (path, text) => this.#ask(() => this.#storage.createName(path, text));
  getName: Storage['getName'] = (path) => this.#ask(() => this.#storage.getName(path));
  removeName: Storage['removeName'] = (path) => this.#ask(() => this.#storage.removeName(path));
  listNames: Storage['listNames'] = (namespace, type) => this.#ask(() => this.#storage.listNames(namespace, type));

  async *getBlob(digest: Parameters<Storage['getBlob']>[0]): AsyncGenerator<Uint8Array> {
    await this.#ask(async () => undefined);
    yield* this.#storage.getBlob(digest);
  }

  async #ask<T>(ask: () => Promise<T>): Promise<T> {
    if (this.failure === undefined) return ask();
    this.failed += 1;
    throw this.failure;
  }
}

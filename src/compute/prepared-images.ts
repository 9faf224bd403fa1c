import type { RuntimeName } from '../contracts/subagent.ts';

export interface ImagePreparation {
  /** Finds, builds or pulls the image for a runtime and gives its id. */
  prepare(runtime: RuntimeName, onProgress?: (line: string) => void): Promise<string>;
  isThere(imageId: string): Promise<boolean>;
}

/** Images made ready once each, and again when one was removed meanwhile: by a person, or by `agora gc` of another version. */
export class PreparedImages {
  readonly #preparation: ImagePreparation;
  readonly #prepared = new Map<RuntimeName, Promise<string>>();

  constructor(preparation: ImagePreparation) {
    this.#preparation = preparation;
  }

  /** Callers at once share one preparation; one that failed is tried again at the next call. */
  async find(runtime: RuntimeName, onProgress?: (line: string) => void): Promise<string> {
    const before = this.#prepared.get(runtime);
    if (before === undefined) return this.#prepare(runtime, onProgress);
    const imageId = await before;
    if (await this.#preparation.isThere(imageId)) return imageId;
    this.#forget(runtime, before);
    return this.#prepared.get(runtime) ?? this.#prepare(runtime, onProgress);
  }

  #prepare(runtime: RuntimeName, onProgress?: (line: string) => void): Promise<string> {
    const preparing = this.#preparation.prepare(runtime, onProgress);
    this.#prepared.set(runtime, preparing);
    preparing.catch(() => this.#forget(runtime, preparing));
    return preparing;
  }

  #forget(runtime: RuntimeName, one: Promise<string>): void {
    if (this.#prepared.get(runtime) === one) this.#prepared.delete(runtime);
  }
}

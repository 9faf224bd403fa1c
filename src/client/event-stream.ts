/** Events that can be read while they come; what nobody has read yet waits. Few, as those of one dispatch are. */
export class EventStream<T> implements AsyncIterable<T> {
  readonly #events: T[] = [];
  #isClosed = false;
  #wake = Promise.withResolvers<void>();

  push(event: T): void {
    this.#events.push(event);
    this.#ring();
  }

  close(): void {
    this.#isClosed = true;
    this.#ring();
  }

  /** Every event from the first on, for each reader. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (let at = 0; ; ) {
      const rung = this.#wake.promise;
      while (at < this.#events.length) yield this.#events[at++] as T;
      if (this.#isClosed) return;
      await rung;
    }
  }

  #ring(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }
}

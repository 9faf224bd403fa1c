/** Items of several streams, given out in turn: one of each that has any. Those that hurry come first. */
export class FairQueue<Item> {
  readonly #hurried: Item[] = [];
  /** In the order of their turns; none is empty. */
  readonly #streams = new Map<number, Item[]>();

  hurry(item: Item): void {
    this.#hurried.push(item);
  }

  add(stream: number, item: Item): void {
    const items = this.#streams.get(stream);
    if (items === undefined) this.#streams.set(stream, [item]);
    else items.push(item);
  }

  /** Forgets what a stream still had. */
  drop(stream: number): void {
    this.#streams.delete(stream);
  }

  next(): Item | undefined {
    if (this.#hurried.length > 0) return this.#hurried.shift();
    for (const [stream, items] of this.#streams) {
      const item = items.shift();
      this.#streams.delete(stream);
      if (items.length > 0) this.#streams.set(stream, items);
      return item;
    }
    return undefined;
  }
}

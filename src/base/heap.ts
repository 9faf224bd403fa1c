/** A binary heap: the element that `precedes` all others comes out first. */
export class Heap<T> {
  readonly #elements: T[] = [];
  readonly #precedes: (left: T, right: T) => boolean;

  constructor(precedes: (left: T, right: T) => boolean) {
    this.#precedes = precedes;
  }

  get size(): number {
    return this.#elements.length;
  }

  peek(): T | undefined {
    return this.#elements[0];
  }

  push(element: T): void {
    this.#elements.push(element);
    let index = this.#elements.length - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#isBefore(index, parent)) return;
      this.#swap(index, parent);
      index = parent;
    }
  }

  pop(): T | undefined {
    const first = this.#elements[0];
    const last = this.#elements.pop();
    if (last === undefined || this.#elements.length === 0) return first;
    this.#elements[0] = last;
    this.#sink(0);
    return first;
  }

  #sink(start: number): void {
    let index = start;
    while (true) {
      let next = index;
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if (child < this.#elements.length && this.#isBefore(child, next)) next = child;
      }
      if (next === index) return;
      this.#swap(index, next);
      index = next;
    }
  }

  #isBefore(left: number, right: number): boolean {
    return this.#precedes(this.#elements[left] as T, this.#elements[right] as T);
  }

  #swap(left: number, right: number): void {
    const held = this.#elements[left] as T;
    this.#elements[left] = this.#elements[right] as T;
    this.#elements[right] = held;
  }
}

/** One direction of a stream, watched: what is sent in it, and up to where it may be. */
export class Flow {
  readonly #windowBytes: number;
  /** Where the next byte belongs. */
  #next: number;
  /** No byte at or past it may be sent. */
  #limit: number;
  #isEnded = false;

  /** What is sent begins at `next` and may go up to `limit`: by default a window further, and never more than that. */
  constructor(next: number, windowBytes: number, limit = next + windowBytes) {
    this.#windowBytes = windowBytes;
    this.#next = next;
    this.#limit = Math.max(next, Math.min(limit, next + windowBytes));
  }

  get next(): number {
    return this.#next;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Bytes that may be sent now. */
  get room(): number {
    return this.#isEnded ? 0 : this.#limit - this.#next;
  }

  /** What is wrong with data; undefined when it is taken. */
  data(offset: number, sizeBytes: number): string | undefined {
    const problem = this.#misplaced(offset);
    if (problem !== undefined) return problem;
    if (sizeBytes > this.room) return `data up to ${offset + sizeBytes} is past the credit of ${this.#limit}`;
    this.#next += sizeBytes;
    return undefined;
  }

  /** What is wrong with an end; undefined when it is taken. Saying it twice is fine. */
  end(offset: number): string | undefined {
    if (this.#isEnded && offset === this.#next) return undefined;
    const problem = this.#misplaced(offset);
    if (problem !== undefined) return problem;
    this.#isEnded = true;
    return undefined;
  }

  /** What is wrong with a credit; undefined when it is taken. An old one, which came late or is from before a gap, changes nothing. */
  credit(offset: number): string | undefined {
    // Nobody can have read what was not sent.
    if (offset > this.#next + this.#windowBytes) return `credit up to ${offset} is more than the window`;
    this.#limit = Math.max(this.#limit, offset);
    return undefined;
  }

  /** What is wrong with a gap; undefined when it is taken. The bytes in between are lost and use up no credit. */
  gap(offset: number): string | undefined {
    if (this.#isEnded) return 'a gap came after the end';
    if (offset < this.#next) return `a gap goes back from ${this.#next} to ${offset}`;
    this.#limit += offset - this.#next;
    this.#next = offset;
    return undefined;
  }

  #misplaced(offset: number): string | undefined {
    if (this.#isEnded) return 'something came after the end';
    if (offset < this.#next) return `offset ${offset} was sent already`;
    if (offset > this.#next) return `offset ${offset} came before ${this.#next}`;
    return undefined;
  }
}

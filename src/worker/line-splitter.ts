const newline = 0x0a;
/** What is longer is passed over up to the next line: nothing may fill the memory by never ending a line. */
const longestLineBytes = 1024 * 1024;
const empty = Buffer.alloc(0);

/** Cuts a stream of bytes into lines of text. */
export class LineSplitter {
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #isTooLong = false;

  /** The lines that a chunk completes, without their ends. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      lines.push(...this.#complete(chunk.subarray(start, end)));
      start = end + 1;
    }
    this.#add(chunk.subarray(start));
    return lines;
  }

  /** The last line, where it has no end. */
  end(): string[] {
    return this.#pendingBytes === 0 ? [] : this.#complete(empty);
  }

  #complete(last: Buffer): string[] {
    this.#add(last);
    const line = this.#isTooLong ? [] : [Buffer.concat(this.#pending).toString('utf8')];
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#isTooLong = false;
    return line;
  }

  #add(part: Buffer): void {
    this.#isTooLong ||= this.#pendingBytes + part.length > longestLineBytes;
    if (this.#isTooLong) this.#pending = [];
    else if (part.length > 0) this.#pending.push(Buffer.from(part));
    this.#pendingBytes += part.length;
  }
}

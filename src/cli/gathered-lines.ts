import type { Output } from './output.ts';

const mostCharacters = 64 * 1024;

/** Lines that are printed together when many come at once: one write for each takes longer than all else. */
export class GatheredLines {
  readonly #output: Output;
  #text = '';
  #timer: NodeJS.Immediate | undefined;
  #printed: Promise<void> = Promise.resolve();

  constructor(output: Output) {
    this.#output = output;
  }

  /** Waits for a slow reader. Raises what printing an earlier line raised. */
  async add(line: string): Promise<void> {
    this.#text += `${line}\n`;
    if (this.#text.length >= mostCharacters) return this.flush();
    this.#timer ??= setImmediate(() => {
      this.#print();
    });
  }

  /** Resolves once every line is handed on. */
  async flush(): Promise<void> {
    this.#print();
    await this.#printed;
  }

  #print(): void {
    clearImmediate(this.#timer);
    this.#timer = undefined;
    const text = this.#text;
    this.#text = '';
    if (text === '') return;
    this.#printed = this.#printed.then(() => this.#output.write(text));
    this.#printed.catch(() => undefined); // Told by the next flush.
  }
}

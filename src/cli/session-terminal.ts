import type { TerminalSize } from '../contracts/session-wire.ts';
import type { Output } from './output.ts';
import { TerminalModes } from './terminal-modes.ts';

/** A session has this process's terminal between `enter` and `leave`: keys go through as they are pressed. */
export class SessionTerminal {
  readonly #output: Output;
  #modes: TerminalModes | undefined;
  #onResize: (() => void) | undefined;

  constructor(output: Output) {
    this.#output = output;
  }

  /** Whether there is one to type at. */
  static get isThere(): boolean {
    return process.stdin.isTTY === true;
  }

  /** What the session's program has changed of it; undefined while no session has it. */
  get modes(): TerminalModes | undefined {
    return this.#modes;
  }

  get size(): TerminalSize {
    return { columns: this.#output.columns, rows: this.#output.rows };
  }

  enter(onResize: () => void): void {
    if (this.#modes !== undefined) return;
    process.stdin.setRawMode(true);
    this.#modes = new TerminalModes();
    this.#onResize = onResize;
    process.stdout.on('resize', onResize);
  }

  /** As it was before, whatever was left on it. */
  async leave(): Promise<void> {
    const left = this.#modes;
    if (left === undefined) return;
    this.#modes = undefined;
    if (this.#onResize !== undefined) process.stdout.off('resize', this.#onResize);
    try {
      process.stdin.setRawMode(false);
      if (this.#output.isTerminal) await this.#output.write(left.undo());
    } catch {
      // The terminal itself is gone.
    }
  }
}

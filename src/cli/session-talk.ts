import { fit, oneLine } from './one-line.ts';
import type { Output } from './output.ts';
import type { TerminalModes } from './terminal-modes.ts';

/** A link that is back sooner is not worth a line. */
const awayMs = 2_000;
const lineLength = 2_048;

export interface SessionTalkOptions {
  readonly output: Output;
  /** Of the terminal that a program of the session draws on; undefined while none does. Default: none ever does. */
  readonly modes?: () => TerminalModes | undefined;
  /** Told when a program should draw its screen anew. */
  readonly onDrawnOver?: () => void;
}

/** Lines for a person beside what a session prints: on a screen that a program draws, on its last line for a while. */
export class SessionTalk {
  readonly #options: SessionTalkOptions;
  #waiting: NodeJS.Timeout | undefined;
  #isToldAway = false;
  #isDrawnOver = false;

  constructor(options: SessionTalkOptions) {
    this.#options = options;
  }

  say(text: string): void {
    const { output, modes } = this.#options;
    const line = `agora: ${oneLine(text, lineLength)}`;
    const drawn = output.isTerminal ? modes?.() : undefined;
    if (drawn?.isAlternate === true) this.#isDrawnOver = true;
    // Whoever reads no more is not told any more.
    output.write(drawn === undefined ? `${line}\n` : overlaid(line, drawn, output)).catch(() => undefined);
  }

  /** The link was lost, or is there again. */
  away(isAway: boolean, reason: string): void {
    clearTimeout(this.#waiting);
    if (isAway && !this.#isToldAway) {
      this.#waiting = setTimeout(() => {
        this.#isToldAway = true;
        this.say(`${reason}; waiting for it`);
      }, awayMs).unref();
    }
    if (isAway) return;
    if (this.#isToldAway && !this.#isDrawnOver) this.say('the link is back');
    this.#isToldAway = false;
    if (this.#isDrawnOver) this.#options.onDrawnOver?.();
    this.#isDrawnOver = false;
  }

  close(): void {
    clearTimeout(this.#waiting);
  }
}

/** On a raw terminal: a line of its own, or the last one of a program's screen, in reverse, with the cursor put back. */
function overlaid(line: string, { isAlternate }: TerminalModes, { columns, rows }: Output): string {
  if (!isAlternate) return `\r\n${line}\r\n`;
  return `\u001b7\u001b[${rows};1H\u001b[7m${fit(line, columns)}\u001b[m\u001b[K\u001b8`;
}

/** Of a sequence that may be cut in two: `ESC [ ? 1049 ; 2004 h` is long enough. */
const mostHeld = 32;
const escapeByte = 0x1b;
/** Letters as lines, from then on. */
const shiftOutByte = 0x0e;
const escapeText = '\u001b';
const changes = new RegExp(`${escapeText}\\[\\?((?:[0-9]{1,4};?){1,8})([hl])`, 'g');
const cutShort = new RegExp(`${escapeText}(?:\\[(?:\\?[0-9;]*)?)?$`);
const alternateScreens = [47, 1047, 1049];
/** They are on in a terminal that nobody has touched: wrap, and the cursor. */
const onAtFirst = [7, 25];
/** What else programs change: letters as lines, keys told in other ways, the shape of the cursor, the keypad, colors. */
const plain = '\x1b(B\x0f\x1b[<u\x1b[>4m\x1b[0 q\x1b>\x1b[m';

/** The private modes of a terminal that a program has changed, by what it prints: with them a program that was left can be tidied up after. */
export class TerminalModes {
  readonly #changed = new Map<number, boolean>();
  #held = '';
  #isChanged = false;

  /** Whether it draws on a screen of its own, such as an editor. */
  get isAlternate(): boolean {
    return alternateScreens.some((mode) => this.#changed.get(mode) === true);
  }

  /** More of what is printed, cut anywhere. */
  take(bytes: Uint8Array): void {
    this.#isChanged ||= bytes.includes(escapeByte) || bytes.includes(shiftOutByte);
    if (this.#held === '' && !bytes.includes(escapeByte)) return;
    const text = this.#held + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    for (const [, modes = '', end] of text.matchAll(changes)) {
      for (const mode of modes.split(';')) this.#changed.set(Number(mode), end === 'h');
    }
    this.#held = cutShort.exec(text.slice(-mostHeld))?.[0] ?? '';
  }

  /** What puts the terminal back as it was before. */
  undo(): string {
    const changed = [...this.#changed].filter(([mode, isOn]) => isOn !== onAtFirst.includes(mode));
    // Last: only then is the cursor where it was.
    changed.sort(([one], [other]) => Number(alternateScreens.includes(one)) - Number(alternateScreens.includes(other)));
    const modes = changed.map(([mode, isOn]) => `\x1b[?${mode}${isOn ? 'l' : 'h'}`).join('');
    const scrollsAll = this.isAlternate ? '\x1b[r' : '';
    return this.#isChanged ? `${plain}${scrollsAll}${modes}` : '';
  }
}

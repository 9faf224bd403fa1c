export interface StrictJsonOptions {
  /** Size of the whole text in UTF-8. */
  readonly maxBytes: number;
  /** Arrays and objects inside one another, at most 500. */
  readonly maxDepth: number;
  /** Size of one string or member name in UTF-8. */
  readonly maxStringBytes: number;
  /** `integer`: only integers of at most 2^53-1, in their one spelling. `double`: any JSON number a double can hold. */
  readonly numbers: 'integer' | 'double';
  /** Refuse strings spelled otherwise than JSON.stringify spells them. Default: false. */
  readonly canonicalStrings?: boolean;
  /** Receives problems after which parsing can go on; without it the first one is thrown. */
  readonly onProblem?: (problem: StrictJsonError) => void;
}

/** Why a text was refused, with the JSON path (`items[2].id`, '' for the whole) and the position, counted from 1. */
export class StrictJsonError extends Error {
  readonly path: string;
  readonly line: number;
  readonly column: number;

  constructor(message: string, place: { readonly path: string; readonly line: number; readonly column: number }) {
    super(message);
    this.name = 'StrictJsonError';
    this.path = place.path;
    this.line = place.line;
    this.column = place.column;
  }
}

const depthCeiling = 500;
const byteOrderMark = '\uFEFF';

/** Parses JSON that has one reading only: what two parsers could take differently is refused. */
export function parseStrictJson(input: string | Uint8Array, options: StrictJsonOptions): unknown {
  const sizeBytes = typeof input === 'string' ? Buffer.byteLength(input) : input.byteLength;
  if (sizeBytes > options.maxBytes) {
    throw atStart(`is ${sizeBytes} bytes long, the limit is ${options.maxBytes}`);
  }
  const text = typeof input === 'string' ? input : decode(input);
  if (text.startsWith(byteOrderMark)) throw atStart('starts with a byte order mark');
  return new Parser(text, options).parse();
}

function atStart(message: string): StrictJsonError {
  return new StrictJsonError(message, { path: '', line: 1, column: 1 });
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new StrictJsonError('is not valid UTF-8', { path: '', line: firstBadLine(bytes), column: 1 });
  }
}

/** A line feed is never part of a longer UTF-8 sequence, so lines can be judged one by one. */
function firstBadLine(bytes: Uint8Array): number {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line = 1;
  for (let start = 0; start < bytes.length; line += 1) {
    const lineFeed = bytes.indexOf(0x0a, start);
    const end = lineFeed === -1 ? bytes.length : lineFeed;
    try {
      decoder.decode(bytes.subarray(start, end));
    } catch {
      return line;
    }
    start = end + 1;
  }
  return line;
}

const characters = {
  tab: 0x09,
  lineFeed: 0x0a,
  carriageReturn: 0x0d,
  space: 0x20,
  quote: 0x22,
  comma: 0x2c,
  colon: 0x3a,
  openBracket: 0x5b,
  backslash: 0x5c,
  closeBracket: 0x5d,
  f: 0x66,
  n: 0x6e,
  t: 0x74,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const;

interface LinePosition {
  readonly offset: number;
  readonly line: number;
  /** Where the line begins. */
  readonly start: number;
}

const firstLine: LinePosition = { offset: 0, line: 1, start: 0 };

/** One pass over one text. The path is kept as one slot per depth, so that it costs nothing until an error needs it. */
class Parser {
  readonly #text: string;
  readonly #options: StrictJsonOptions;
  readonly #maxDepth: number;
  /** One step per depth; undefined while between two members. */
  readonly #path: (string | number | undefined)[] = [];
  readonly #number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
  readonly #plainCharacters = /[ !#-[\]-\uffff]*/y;
  readonly #escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
  #offset = 0;
  #depth = 0;
  #lastLine = firstLine;

  constructor(text: string, options: StrictJsonOptions) {
    this.#text = text;
    this.#options = options;
    this.#maxDepth = Math.min(options.maxDepth, depthCeiling);
  }

  parse(): unknown {
    this.#refuseRawSurrogates();
    const value = this.#value();
    this.#skipWhiteSpace();
    if (this.#offset < this.#text.length) throw this.#error('has text after the value');
    return value;
  }

  #value(): unknown {
    this.#skipWhiteSpace();
    switch (this.#text.charCodeAt(this.#offset)) {
      case characters.openBrace:
        return this.#object();
      case characters.openBracket:
        return this.#array();
      case characters.quote:
        return this.#string();
      case characters.t:
        return this.#word('true', true);
      case characters.f:
        return this.#word('false', false);
      case characters.n:
        return this.#word('null', null);
      default:
        return this.#numberValue();
    }
  }

  #object(): Record<string, unknown> {
    const depth = this.#enter();
    const members: Record<string, unknown> = {};
    this.#skipWhiteSpace();
    if (this.#take(characters.closeBrace)) return this.#leave(members);
    for (;;) {
      this.#skipWhiteSpace();
      const start = this.#offset;
      if (this.#text.charCodeAt(start) !== characters.quote) throw this.#error('expects a member name in quotes');
      this.#path[depth] = undefined;
      const name = this.#string();
      this.#path[depth] = name;
      const isRefused = this.#refuseName(members, name, start);
      this.#skipWhiteSpace();
      if (!this.#take(characters.colon)) throw this.#error('expects ":" after a member name');
      const value = this.#value();
      if (!isRefused) members[name] = value;
      this.#skipWhiteSpace();
      if (this.#take(characters.closeBrace)) return this.#leave(members);
      if (!this.#take(characters.comma)) throw this.#error('expects "," or "}" after a member');
    }
  }

  #array(): unknown[] {
    const depth = this.#enter();
    const values: unknown[] = [];
    this.#skipWhiteSpace();
    if (this.#take(characters.closeBracket)) return this.#leave(values);
    for (;;) {
      this.#path[depth] = values.length;
      values.push(this.#value());
      this.#skipWhiteSpace();
      if (this.#take(characters.closeBracket)) return this.#leave(values);
      if (!this.#take(characters.comma)) throw this.#error('expects "," or "]" after an element');
    }
  }

  #enter(): number {
    if (this.#depth === this.#maxDepth) throw this.#error(`is nested deeper than ${this.#maxDepth}`);
    const depth = this.#depth;
    this.#path[depth] = undefined;
    this.#offset += 1;
    this.#depth += 1;
    return depth;
  }

  #leave<T>(value: T): T {
    this.#depth -= 1;
    return value;
  }

  #refuseName(members: object, name: string, start: number): boolean {
    if (name === '__proto__') {
      this.#report('has the member name "__proto__", which is not allowed', start);
      return true;
    }
    if (Object.hasOwn(members, name)) {
      this.#report('is there twice', start);
      return true;
    }
    return false;
  }

  #string(): string {
    const start = this.#offset;
    this.#offset += 1;
    const hasEscapes = this.#toClosingQuote();
    const inner = this.#text.slice(start + 1, this.#offset);
    this.#offset += 1;
    const value = hasEscapes ? (JSON.parse(`"${inner}"`) as string) : inner;
    if (hasEscapes) this.#checkEscapes(value, inner, start);
    this.#checkSize(value, start);
    return value;
  }

  #toClosingQuote(): boolean {
    let hasEscapes = false;
    for (;;) {
      this.#plainCharacters.lastIndex = this.#offset;
      this.#plainCharacters.test(this.#text);
      this.#offset = this.#plainCharacters.lastIndex;
      const code = this.#text.charCodeAt(this.#offset);
      if (code === characters.quote) return hasEscapes;
      if (Number.isNaN(code)) throw this.#error('ends inside a string');
      if (code !== characters.backslash) throw this.#error('has a control character in a string');
      this.#escape.lastIndex = this.#offset;
      if (!this.#escape.test(this.#text)) throw this.#error('has an escape JSON does not know');
      this.#offset = this.#escape.lastIndex;
      hasEscapes = true;
    }
  }

  #checkEscapes(value: string, inner: string, start: number): void {
    if (!value.isWellFormed()) this.#report('has a lone surrogate', start);
    else if (this.#options.canonicalStrings === true && JSON.stringify(value) !== `"${inner}"`) {
      this.#report('has an escape that is not needed or not in its shortest form', start);
    }
  }

  #checkSize(value: string, start: number): void {
    const { maxStringBytes } = this.#options;
    // A UTF-16 unit is at most three bytes of UTF-8.
    if (value.length * 3 <= maxStringBytes) return;
    const sizeBytes = Buffer.byteLength(value);
    if (sizeBytes > maxStringBytes) {
      this.#report(`has a string of ${sizeBytes} bytes, the limit is ${maxStringBytes}`, start);
    }
  }

  #numberValue(): number {
    const start = this.#offset;
    this.#number.lastIndex = start;
    if (!this.#number.test(this.#text)) throw this.#error(this.#unexpected());
    this.#offset = this.#number.lastIndex;
    const spelling = this.#text.slice(start, this.#offset);
    const value = Number(spelling);
    const problem =
      this.#options.numbers === 'integer' ? integerProblem(value, spelling) : doubleProblem(value, spelling);
    if (problem !== undefined) this.#report(problem, start);
    return value;
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#offset)) throw this.#error(this.#unexpected());
    this.#offset += word.length;
    return value;
  }

  #skipWhiteSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#offset);
      const isWhiteSpace =
        code === characters.space ||
        code === characters.lineFeed ||
        code === characters.carriageReturn ||
        code === characters.tab;
      if (!isWhiteSpace) return;
      this.#offset += 1;
    }
  }

  #take(code: number): boolean {
    if (this.#text.charCodeAt(this.#offset) !== code) return false;
    this.#offset += 1;
    return true;
  }

  #refuseRawSurrogates(): void {
    if (this.#text.isWellFormed()) return;
    const offset = this.#text.search(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/);
    throw this.#error('has a lone surrogate', offset);
  }

  #unexpected(): string {
    const character = this.#text.codePointAt(this.#offset);
    return character === undefined
      ? 'ends too early'
      : `has an unexpected ${JSON.stringify(String.fromCodePoint(character))}`;
  }

  #report(message: string, offset: number): void {
    const problem = this.#error(message, offset);
    if (this.#options.onProblem === undefined) throw problem;
    this.#options.onProblem(problem);
  }

  #error(message: string, offset = this.#offset): StrictJsonError {
    const { line, start } = this.#lineAt(offset);
    const column = offset - start + 1;
    return new StrictJsonError(message, { path: pathText(this.#path.slice(0, this.#depth)), line, column });
  }

  /** Counts on from the last problem: a text full of them must not be read again for each. */
  #lineAt(offset: number): LinePosition {
    const last = offset < this.#lastLine.offset ? firstLine : this.#lastLine;
    const between = this.#text.slice(last.offset, offset);
    let { line, start } = last;
    for (let end = between.indexOf('\n'); end !== -1; end = between.indexOf('\n', end + 1)) {
      line += 1;
      start = last.offset + end + 1;
    }
    this.#lastLine = { offset, line, start };
    return this.#lastLine;
  }
}

function integerProblem(value: number, spelling: string): string | undefined {
  if (!Number.isSafeInteger(value))
    return `has the number ${shorten(spelling)}; only integers of at most 2^53-1 are allowed`;
  return String(value) === spelling ? undefined : `spells the integer ${value} as ${shorten(spelling)}`;
}

function doubleProblem(value: number, spelling: string): string | undefined {
  if (!Number.isFinite(value)) return `has the number ${shorten(spelling)}, which is out of range`;
  const isInteger = !/[.eE]/.test(spelling);
  if (isInteger && !Number.isSafeInteger(value) && String(value) !== spelling) {
    return `has the integer ${shorten(spelling)}, which cannot be kept exactly; write it as a string`;
  }
  return undefined;
}

function shorten(spelling: string): string {
  return spelling.length > 40 ? `${spelling.slice(0, 40)}…` : spelling;
}

function pathText(path: readonly (string | number | undefined)[]): string {
  let text = '';
  for (const step of path) {
    if (step === undefined) break;
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[A-Za-z_$][\w$-]*$/.test(step)) text += text === '' ? step : `.${step}`;
    else text += `[${JSON.stringify(shorten(step))}]`;
  }
  return text;
}

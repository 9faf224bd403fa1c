import { patternsOf, type RedactionPattern } from './redact-forms.ts';
import { SecretSearch, type Span } from './redact-search.ts';
import { backslash } from './redact-skips.ts';

const nothing = Buffer.alloc(0);

/** Blacks out the secrets of one task, in every form that programs commonly print them in. */
export class Redactor {
  readonly #search: SecretSearch | undefined;

  constructor(secrets: Readonly<Record<string, string>>) {
    const patterns: readonly RedactionPattern[] = patternsOf(secrets);
    if (patterns.length > 0) this.#search = new SecretSearch(patterns);
  }

  /** True when there is nothing to black out. */
  get isIdle(): boolean {
    return this.#search === undefined;
  }

  /** A stream of bytes on its own. */
  stream(): RedactedStream {
    return new RedactedStream(this.#search);
  }

  text(text: string): string {
    if (this.#search === undefined) return text;
    const stream = this.stream();
    const redacted = stream.end(Buffer.from(text)).toString('utf8');
    return stream.hasFound ? redacted : text;
  }

  holds(text: string | Uint8Array): boolean {
    const stream = this.stream();
    stream.end(Buffer.from(text));
    return stream.hasFound;
  }
}

/**
 * Passes bytes on with the secrets in them replaced, wherever they are cut into chunks. What may be the start of a
 * secret is held back, a few times its length at most; everything else goes on at once.
 */
export class RedactedStream {
  readonly #search: SecretSearch | undefined;
  #held: Buffer = nothing;
  /** How many of the held bytes belong to a secret that was replaced already. */
  #replacedBytes = 0;
  #isAfterBackslash = false;
  #hasFound = false;

  constructor(search: SecretSearch | undefined) {
    this.#search = search;
  }

  /** Whether there was a secret so far. */
  get hasFound(): boolean {
    return this.#hasFound;
  }

  push(chunk: Buffer): Buffer {
    return this.#take(chunk, false);
  }

  /** The last bytes; after it the stream is as new. */
  end(chunk: Buffer = nothing): Buffer {
    const rest = this.#take(chunk, true);
    this.#isAfterBackslash = false;
    return rest;
  }

  #take(chunk: Buffer, isLast: boolean): Buffer {
    if (this.#search === undefined) return chunk;
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const found = this.#search.find(bytes, { isAfterBackslash: this.#isAfterBackslash, isLast });
    const { pieces, doneUntil } = replaced(bytes, found.spans, this.#replacedBytes);
    if (doneUntil < found.heldFrom) pieces.push(bytes.subarray(doneUntil, found.heldFrom));
    // Copied: the chunk it lies in may be large.
    this.#held = Buffer.from(bytes.subarray(found.heldFrom));
    this.#replacedBytes = Math.max(0, doneUntil - found.heldFrom);
    this.#isAfterBackslash = found.endsWithBackslash;
    this.#hasFound ||= found.spans.length > 0;
    return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
  }
}

/** Everything up to the end of the last span; those that overlap or touch become one. */
function replaced(
  bytes: Buffer,
  spans: readonly Span[],
  replacedBytes: number,
): { pieces: Buffer[]; doneUntil: number } {
  const pieces: Buffer[] = [];
  let doneUntil = replacedBytes;
  let lastName: string | undefined;
  for (const { start, end, name } of spans) {
    const goesOn = start < doneUntil || (start === doneUntil && name === lastName);
    if (!goesOn) {
      pieces.push(bytes.subarray(doneUntil, escapedFrom(bytes, doneUntil, start)), Buffer.from(`<redacted:${name}>`));
      lastName = name;
    }
    doneUntil = Math.max(doneUntil, end);
  }
  return { pieces, doneUntil };
}

/** Where the backslashes before a place begin: left alone, they would escape the replacement, and JSON would be none. */
function escapedFrom(bytes: Buffer, first: number, start: number): number {
  let at = start;
  while (at > first && bytes[at - 1] === backslash) at -= 1;
  return at;
}

import type { RedactionPattern } from './redact-forms.ts';
import { backslash, isSkipped } from './redact-skips.ts';

export interface Span {
  readonly start: number;
  readonly end: number;
  readonly name: string;
}

export interface Found {
  /** By their start; they may overlap. */
  readonly spans: readonly Span[];
  /** From here on the bytes may be the start of a secret; their number if none may. */
  readonly heldFrom: number;
  /** Whether the byte before those that are held was a backslash: only where more of them stand there than are held. */
  readonly endsWithBackslash: boolean;
}

export interface SearchOptions {
  /** Whether a backslash stood before the bytes. */
  readonly isAfterBackslash: boolean;
  /** Nothing comes after the bytes. */
  readonly isLast: boolean;
}

/** How many first bytes of a pattern are looked up at once. */
const windowBytes = 4;
/** More of them before a secret are left where they are. */
const mostBackslashes = 64;
const noMatch = -1;
const unfinished = -2;

/** Looks for all patterns at once: one look-up for each byte, and a comparison only where four bytes agree. */
export class SecretSearch {
  /** 1 for each hash that the first bytes of some pattern have. */
  readonly #hashes = new Uint8Array(1 << 16);
  readonly #byStart = new Map<number, RedactionPattern[]>();
  /** Starts of patterns that are shorter than the window. */
  readonly #shortStarts = new Set<number>();
  readonly #longestSpan: number;

  constructor(patterns: readonly RedactionPattern[]) {
    for (const pattern of patterns) {
      const start = pattern.bytes.readInt32BE(0);
      this.#hashes[hashOf(start)] = 1;
      this.#byStart.set(start, [...(this.#byStart.get(start) ?? []), pattern]);
      for (let length = 1; length < windowBytes; length += 1)
        this.#shortStarts.add(shortStart(start >>> (32 - 8 * length), length));
    }
    this.#longestSpan = Math.max(0, ...patterns.map(spanLimit));
  }

  find(bytes: Uint8Array, options: SearchOptions): Found {
    const spans: Span[] = [];
    let [first, second, third, fourth] = [-1, -1, -1, -1];
    let window = 0;
    let isAfterBackslash = options.isAfterBackslash;
    for (let index = 0; index < bytes.length; index += 1) {
      const byte = bytes[index] as number;
      const isPassedOver = isSkipped(byte, isAfterBackslash);
      isAfterBackslash = byte === backslash;
      if (isPassedOver) continue;
      window = (window << 8) | byte;
      first = second;
      second = third;
      third = fourth;
      fourth = index;
      if (this.#hashes[hashOf(window)] === 0 || first < 0) continue;
      const match = this.#longestAt(bytes, first, window, options.isLast);
      if (match === unfinished) return { spans, ...heldWithBackslashes(bytes, first, options) };
      if (match !== undefined) spans.push(match);
    }
    const starts = [second, third, fourth];
    if (options.isLast) return { spans, heldFrom: bytes.length, endsWithBackslash: isAfterBackslash };
    return { spans, ...heldWithBackslashes(bytes, this.#heldFrom(bytes.length, starts, window), options) };
  }

  /** The longest pattern at a place; a longer one that may still come counts more. */
  #longestAt(bytes: Uint8Array, start: number, window: number, isLast: boolean): Span | typeof unfinished | undefined {
    let longest: Span | undefined;
    for (const pattern of this.#byStart.get(window) ?? []) {
      const end = endOf(pattern, bytes, start);
      if (end === unfinished && !isLast) return unfinished;
      if (end > (longest?.end ?? 0)) longest = { start, end, name: pattern.name };
    }
    return longest;
  }

  #heldFrom(length: number, starts: readonly number[], window: number): number {
    for (const [index, start] of starts.entries()) {
      const count = windowBytes - 1 - index;
      const isNear = start >= 0 && length - start <= this.#longestSpan;
      if (isNear && this.#shortStarts.has(shortStart(window & (2 ** (8 * count) - 1), count))) return start;
    }
    return length;
  }
}

/** Backslashes before a secret go with it, wherever the bytes are cut. */
function heldWithBackslashes(bytes: Uint8Array, from: number, { isAfterBackslash }: SearchOptions) {
  let heldFrom = from;
  while (heldFrom > 0 && from - heldFrom < mostBackslashes && bytes[heldFrom - 1] === backslash) heldFrom -= 1;
  return { heldFrom, endsWithBackslash: heldFrom === 0 ? isAfterBackslash : bytes[heldFrom - 1] === backslash };
}

/** Where a pattern that begins at `start` ends. */
function endOf(pattern: RedactionPattern, bytes: Uint8Array, start: number): number {
  const limit = start + spanLimit(pattern);
  let isAfterBackslash = false;
  let matched = 0;
  for (let index = start; index < limit; index += 1) {
    if (index >= bytes.length) return unfinished;
    const byte = bytes[index] as number;
    if (!isSkipped(byte, isAfterBackslash)) {
      if (byte !== pattern.bytes[matched]) return noMatch;
      matched += 1;
      if (matched === pattern.bytes.length) return index + 1;
    }
    isAfterBackslash = byte === backslash;
  }
  return noMatch;
}

/** How far a pattern may be stretched by what is passed over: what is held back has an end. */
function spanLimit({ bytes }: RedactionPattern): number {
  return 8 * bytes.length + 64;
}

function hashOf(window: number): number {
  return Math.imul(window, 0x9e3779b1) >>> 16;
}

function shortStart(bytes: number, length: number): number {
  return length * 2 ** 24 + bytes;
}

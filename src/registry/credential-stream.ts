import { credentialPatterns } from './credential-scan.ts';

export interface CredentialInText {
  /** What it looks like, for a person. */
  readonly kind: string;
  /** Counted from 1. */
  readonly line: number;
}

/** Longer than any text a pattern needs to see at once. */
const overlapLength = 12 * 1024;
/** How much is gathered before it is looked at. */
const windowLength = 64 * 1024;

/** Looks for credentials in bytes that come in chunks, text or not, however they are cut. */
export class CredentialScanner {
  #window = '';
  #lines = 0;
  #isFirst = true;
  #unseen = 0;

  /** The first credential that is whole by now, or undefined. */
  add(chunk: Uint8Array): CredentialInText | undefined {
    // Byte by byte: the patterns are ASCII, and no file needs to be text.
    this.#window += Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1');
    this.#unseen += chunk.byteLength;
    return this.#unseen < windowLength ? undefined : this.#look();
  }

  end(): CredentialInText | undefined {
    return this.#look();
  }

  #look(): CredentialInText | undefined {
    const found = findFirst(this.#window, this.#isFirst ? 0 : 1);
    if (found !== undefined) return { kind: found.kind, line: this.#lines + countLines(this.#window, found.index) + 1 };
    this.#unseen = 0;
    // One more than the overlap: whether a word begins is told by what is before it.
    const dropped = Math.max(0, this.#window.length - overlapLength - 1);
    if (dropped === 0) return undefined;
    this.#lines += countLines(this.#window, dropped);
    this.#window = this.#window.slice(dropped);
    this.#isFirst = false;
    return undefined;
  }
}

/** The first credential of a text. */
export function findCredential(text: string): CredentialInText | undefined {
  const found = findFirst(text, 0);
  return found && { kind: found.kind, line: countLines(text, found.index) + 1 };
}

function findFirst(text: string, from: number): { readonly kind: string; readonly index: number } | undefined {
  let first: { readonly kind: string; readonly index: number } | undefined;
  for (const { kind, pattern } of credentialPatterns) {
    const search = new RegExp(pattern);
    search.lastIndex = from;
    const index = search.exec(text)?.index;
    if (index !== undefined && (first === undefined || index < first.index)) first = { kind, index };
  }
  return first;
}

function countLines(text: string, end: number): number {
  let lines = 0;
  for (let at = text.indexOf('\n'); at >= 0 && at < end; at = text.indexOf('\n', at + 1)) lines += 1;
  return lines;
}

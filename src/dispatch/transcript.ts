import * as z from 'zod';
import type { Digest } from '../contracts/ids.ts';
import type { Storage } from '../storage/storage.ts';

/** A line of what a worker printed, or a part of one that is very long. */
export interface LogLine {
  readonly stream: 'stdout' | 'stderr';
  /** When it was written, ISO 8601; undefined where nobody noted it. */
  readonly at: string | undefined;
  /** Without its end. */
  readonly text: string;
}

export interface LineFilter {
  /** Only what was written at or after this time, ISO 8601. */
  readonly since?: string | undefined;
  /** Only this many lines before the end. */
  readonly tail?: number | undefined;
}

/** Longer lines come in parts, so that no line fills the memory. */
const longestLine = 64 * 1024;

const pieceSchema = z.object({ at: z.string(), stream: z.string(), text: z.string() });
type Piece = z.infer<typeof pieceSchema>;

/** The lines of a stored transcript. It is read twice for a tail: counting takes no memory. */
export async function* transcriptLines(
  storage: Storage,
  digest: Digest,
  { since, tail }: LineFilter,
): AsyncGenerator<LogLine> {
  const sinceMs = since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(since);
  const lines = () => linesSince(storage, digest, sinceMs);
  let skip = 0;
  if (tail !== undefined) {
    for await (const _ of lines()) skip += 1;
    skip = Math.max(0, skip - tail);
  }
  for await (const line of lines()) {
    if (skip > 0) skip -= 1;
    else yield line;
  }
}

async function* linesSince(storage: Storage, digest: Digest, sinceMs: number): AsyncGenerator<LogLine> {
  const assembler = new LineAssembler();
  for await (const text of textLines(storage.getBlob(digest))) {
    const piece = parsePiece(text);
    if (piece === undefined || Date.parse(piece.at) < sinceMs) continue;
    // What a runtime tells of itself, line by line; a person sees what the runtime's reader made of it.
    if (piece.stream === 'event') continue;
    yield* assembler.add(piece.stream === 'stdout' ? 'stdout' : 'stderr', piece.text, piece.at);
  }
  yield* assembler.rest();
}

/** Puts pieces of two streams together to lines; a line has the time of its first piece. */
export class LineAssembler {
  readonly #begun: Partial<Record<LogLine['stream'], LogLine>> = {};

  *add(stream: LogLine['stream'], text: string, at: string | undefined): Generator<LogLine> {
    const parts = text.split('\n');
    for (const [index, part] of parts.entries()) {
      const begun = this.#begun[stream];
      const line = { stream, at: begun?.at ?? at, text: (begun?.text ?? '') + part };
      const isWhole = index < parts.length - 1;
      if (isWhole || line.text.length > longestLine) {
        delete this.#begun[stream];
        yield line;
      } else if (line.text !== '') this.#begun[stream] = line;
    }
  }

  /** Lines that never ended. */
  *rest(): Generator<LogLine> {
    yield* Object.values(this.#begun);
  }
}

function parsePiece(text: string): Piece | undefined {
  try {
    return pieceSchema.parse(JSON.parse(text));
  } catch {
    // A worker that was killed leaves half a line.
    return undefined;
  }
}

/** A piece is as large as one chunk of output, so a line of the file is too. */
async function* textLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let begun = '';
  for await (const chunk of bytes) {
    const lines = (begun + decoder.decode(chunk, { stream: true })).split('\n');
    begun = lines.pop() ?? '';
    // A file that is no transcript at all has no lines to wait for.
    if (begun.length > 16 * 1024 * 1024) begun = '';
    yield* lines;
  }
  if (begun !== '') yield begun;
}

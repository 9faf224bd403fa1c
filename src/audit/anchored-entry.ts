import { canonicalize } from '../base/canonical-json.ts';
import { parseStrictJson, StrictJsonError } from '../base/strict-json.ts';
import { type AnchorEntry, anchorEntry } from './verify/anchor-evidence.ts';
import { Refusal } from './verify/refusal.ts';
import { object, oneOf } from './verify/shape.ts';

const format = 'agora/anchor-entry/v1';
const limits = { maxBytes: 16_384, maxDepth: 4, maxStringBytes: 1_024, numbers: 'integer' } as const;
const shape = object({ format: oneOf(format), entry: anchorEntry });

/** An entry as it lies outside: the same bytes for the same entry. */
export function entryText(entry: AnchorEntry): string {
  return `${canonicalize({ format, entry })}\n`;
}

/** The entry in these bytes; undefined when they are something else. */
export function entryIn(bytes: Uint8Array): AnchorEntry | undefined {
  try {
    return shape(parseStrictJson(bytes, limits), '').entry;
  } catch (error) {
    if (error instanceof StrictJsonError || error instanceof Refusal) return undefined;
    throw error;
  }
}

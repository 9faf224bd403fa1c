import { isMap, isNode, isScalar, isSeq, LineCounter, type Node, parseDocument, visit, type YAMLError } from 'yaml';

/** Counted from 1. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

/** Why a text was refused, and where. */
export class StrictYamlError extends Error {
  readonly place: TextPlace;

  constructor(message: string, place: TextPlace) {
    super(message);
    this.name = 'StrictYamlError';
    this.place = place;
  }
}

export interface YamlDocument {
  /** What the text says, as plain JSON values. */
  readonly value: unknown;
  /** Where a value stands; where what is above it stands, if it is not there. */
  placeOf(path: readonly PropertyKey[]): TextPlace;
  /** The same for the key that names the value. */
  placeOfKey(path: readonly PropertyKey[]): TextPlace;
}

export interface StrictYamlOptions {
  readonly maxBytes: number;
}

/**
 * Parses one YAML document that says what JSON can say: no tags of its own, no aliases, no key twice, keys that are
 * text and not `__proto__`, no lone surrogates, numbers that are finite, integers that can be kept.
 */
export function parseStrictYaml(bytes: Uint8Array, { maxBytes }: StrictYamlOptions): YamlDocument {
  const start = { line: 1, column: 1 };
  if (bytes.byteLength > maxBytes) {
    throw new StrictYamlError(`is larger than ${maxBytes} bytes`, start);
  }
  const lines = new LineCounter();
  const placeAt = (offset: number): TextPlace => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const document = parseDocument(decode(bytes, start), { lineCounter: lines, prettyErrors: false, strict: true });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) throw new StrictYamlError(sentenceOf(problem), placeAt(problem.pos[0]));
  refuseWhatJsonLacks(document.contents, placeAt);
  return {
    value: document.toJS({ maxAliasCount: 0 }),
    placeOf: (path) => placeAt(offsetOf(document.contents, path)),
    placeOfKey: (path) => placeAt(keyOffsetOf(document.contents, path)),
  };
}

function decode(bytes: Uint8Array, start: TextPlace): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new StrictYamlError('is not valid UTF-8', start);
  }
}

function refuseWhatJsonLacks(contents: unknown, placeAt: (offset: number) => TextPlace): void {
  if (!isNode(contents)) return;
  const refuse = (node: Node, message: string) => {
    throw new StrictYamlError(message, placeAt(node.range?.[0] ?? 0));
  };
  visit(contents, {
    Alias: (_, node) => refuse(node, 'aliases are not taken: write the value again'),
    Pair: (_, pair) => {
      if (!isScalar(pair.key) || typeof pair.key.value !== 'string') {
        refuse(isNode(pair.key) ? pair.key : contents, 'a key must be text: quote it');
      } else if (pair.key.value === '__proto__') {
        // Schemas of records leave it out without a word.
        refuse(pair.key, 'the key "__proto__" is not taken');
      }
    },
    Scalar: (_, node) => {
      const problem = scalarProblem(node.value, node.source ?? '');
      if (problem !== undefined) refuse(node, problem);
    },
  });
}

function scalarProblem(value: unknown, spelling: string): string | undefined {
  if (typeof value === 'string') return value.isWellFormed() ? undefined : 'a text has a lone surrogate';
  if (value === null || typeof value === 'boolean') return undefined;
  if (typeof value !== 'number') return 'must be JSON';
  if (!Number.isFinite(value)) return 'a number must be finite';
  const isWritten = /[.eE]/.test(spelling) || Number.isSafeInteger(value);
  return isWritten ? undefined : `the integer ${spelling.slice(0, 40)} cannot be kept exactly: quote it`;
}

function offsetOf(contents: unknown, path: readonly PropertyKey[]): number {
  let at: unknown = contents;
  let offset = isNode(contents) ? (contents.range?.[0] ?? 0) : 0;
  for (const key of path) {
    const next: unknown = isMap(at) || isSeq(at) ? at.get(typeof key === 'symbol' ? '' : key, true) : undefined;
    if (!isNode(next)) return offset;
    at = next;
    offset = next.range?.[0] ?? offset;
  }
  return offset;
}

function keyOffsetOf(contents: unknown, path: readonly PropertyKey[]): number {
  const above = path.slice(0, -1);
  const last = path.at(-1);
  const parent = nodeAt(contents, above);
  const pair = isMap(parent) ? parent.items.find(({ key }) => isScalar(key) && key.value === last) : undefined;
  if (isNode(pair?.key)) return pair.key.range?.[0] ?? 0;
  const item = isSeq(parent) && typeof last === 'number' ? parent.get(last, true) : undefined;
  if (isNode(item)) return item.range?.[0] ?? 0;
  return path.length === 0 ? offsetOf(contents, path) : keyOffsetOf(contents, above);
}

function nodeAt(contents: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (isMap(at) || isSeq(at) ? at.get(typeof key === 'symbol' ? '' : key, true) : undefined),
    contents,
  );
}

/** Where the parser's own words are for who calls it. */
const sentences: { readonly [Code in YAMLError['code']]?: string } = {
  MULTIPLE_DOCS: 'another document starts here: one is taken',
  RESOURCE_EXHAUSTION: 'is nested too deeply',
};

function sentenceOf({ code, message }: YAMLError): string {
  const known = sentences[code];
  if (known !== undefined) return known;
  const [first = ''] = message.split('\n');
  return first.charAt(0).toLowerCase() + first.slice(1);
}

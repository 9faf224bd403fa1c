export interface CanonicalizeOptions {
  /** Refuse numbers that are not integers of at most 2^53-1. Default: any finite number. */
  readonly numbers?: 'integer' | 'double';
}

// Far above any plan, manifest or record; turns a cycle into an error instead of a stack overflow.
const maxDepth = 500;

/** The one JCS (RFC 8785) text of a JSON value. Throws a TypeError on what JSON cannot say exactly. */
export function canonicalize(value: unknown, options: CanonicalizeOptions = {}): string {
  return textOf(value, options.numbers === 'integer', 0);
}

function textOf(value: unknown, integersOnly: boolean, depth: number): string {
  switch (typeof value) {
    case 'string':
      return textOfString(value);
    case 'number':
      return textOfNumber(value, integersOnly);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      if (depth === maxDepth) throw new TypeError(`Cannot canonicalize a value nested deeper than ${maxDepth}`);
      return Array.isArray(value)
        ? textOfArray(value, integersOnly, depth + 1)
        : textOfObject(value as Record<string, unknown>, integersOnly, depth + 1);
    default:
      throw new TypeError(`Cannot canonicalize a value of type "${typeof value}"`);
  }
}

// Printable ASCII without quote and backslash: nearly every string, and its own spelling.
const selfSpelled = /^[ !#-[\]-~]*$/;

function textOfString(value: string): string {
  if (selfSpelled.test(value)) return `"${value}"`;
  if (!value.isWellFormed()) throw new TypeError('Cannot canonicalize a string with a lone surrogate');
  return JSON.stringify(value);
}

function textOfNumber(value: number, integersOnly: boolean): string {
  if (!Number.isFinite(value)) throw new TypeError(`Cannot canonicalize the number "${value}"`);
  if (integersOnly && !Number.isSafeInteger(value)) {
    throw new TypeError(`Cannot canonicalize the number "${value}": only integers of at most 2^53-1 are allowed`);
  }
  return JSON.stringify(value);
}

function textOfArray(values: readonly unknown[], integersOnly: boolean, depth: number): string {
  let text = '[';
  for (let index = 0; index < values.length; index += 1) {
    if (index > 0) text += ',';
    text += textOf(values[index], integersOnly, depth);
  }
  return `${text}]`;
}

function textOfObject(value: Readonly<Record<string, unknown>>, integersOnly: boolean, depth: number): string {
  // sort() without a function orders by UTF-16 code units, as RFC 8785 asks.
  const names = Object.keys(value).sort();
  let text = '{';
  for (const name of names) {
    if (text !== '{') text += ',';
    text += `${textOfString(name)}:${textOf(value[name], integersOnly, depth)}`;
  }
  return `${text}}`;
}

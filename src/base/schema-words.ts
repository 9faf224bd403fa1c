import type { z } from 'zod';

type Issue = Parameters<z.core.$ZodErrorMap>[0];

const nouns: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'an object',
  record: 'an object',
  string: 'text',
};

const formats: Readonly<Record<string, string>> = {
  cidrv4: 'a network such as 10.0.0.0/24',
  cidrv6: 'a network such as fd00::/64',
  datetime: 'a time such as 2026-01-31T12:00:00Z',
  ipv4: 'an IPv4 address',
  ipv6: 'an IPv6 address',
  url: 'a URL',
};

/** Says what a schema without words of its own expects; the `error` option of a parse. */
export function schemaWords(issue: Issue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined) return 'is missing';
      return `must be ${nouns[issue.expected] ?? issue.expected}, not ${kindOf(issue.input)}`;
    case 'invalid_value':
      return `must be ${oneOf(issue.values)}`;
    case 'invalid_union':
      return 'options' in issue && Array.isArray(issue.options) ? `must be ${oneOf(issue.options)}` : undefined;
    case 'invalid_key':
      return issue.issues[0]?.message;
    case 'invalid_format':
      return formats[issue.format] && `must be ${formats[issue.format]}`;
    case 'too_small':
      return isCounted(issue.origin)
        ? tooFew(issue.origin, Number(issue.minimum))
        : `must be ${issue.inclusive === true ? 'at least' : 'more than'} ${issue.minimum}`;
    case 'too_big':
      return isCounted(issue.origin) ? `is longer than ${issue.maximum}` : `must be at most ${issue.maximum}`;
    default:
      return undefined;
  }
}

function oneOf(values: readonly unknown[]): string {
  return values.map((value) => JSON.stringify(value)).join(' or ');
}

function isCounted(origin: string): boolean {
  return origin === 'string' || origin === 'array';
}

function tooFew(origin: string, minimum: number): string {
  if (minimum === 1) return 'is empty';
  return `must hold at least ${minimum} ${origin === 'string' ? 'characters' : 'of them'}`;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'number' && !Number.isSafeInteger(value)) return String(value);
  return nouns[typeof value] ?? typeof value;
}

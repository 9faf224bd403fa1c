import { Refusal } from './refusal.ts';

/** Refuses JSON values that differ, naming the first place where they do. */
export function expectSame(actual: unknown, expected: unknown, path: string): void {
  if (Array.isArray(actual) && Array.isArray(expected)) {
    for (const [index, value] of expected.entries()) expectSame(actual[index], value, `${path}[${index}]`);
    if (actual.length !== expected.length) throw new Refusal(`${path}[${expected.length}]`, 'has no counterpart');
    return;
  }
  if (isObject(actual) && isObject(expected)) {
    for (const name of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
      expectSame(actual[name], expected[name], `${path}.${name}`);
    }
    return;
  }
  if (actual !== expected) throw new Refusal(path, `is ${shown(actual)}, where ${shown(expected)} belongs`);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

import type { Redactor } from '../base/redact.ts';

/** The same JSON value with the secrets in its texts, names and numbers blacked out. */
export function redactValue(redactor: Redactor, value: unknown): unknown {
  if (typeof value === 'string') return redactor.text(value);
  if (typeof value === 'number') return redactor.holds(String(value)) ? redactor.text(String(value)) : value;
  if (Array.isArray(value)) return value.map((element) => redactValue(redactor, element));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [redactor.text(name), redactValue(redactor, member)]),
  );
}

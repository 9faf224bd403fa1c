import { canonicalize } from '../base/canonical-json.ts';
import type { HostSpec } from '../contracts/host-spec.ts';

export interface SpecDifference {
  readonly path: readonly (string | number)[];
  /** Undefined where it is not there. */
  readonly before: unknown;
  readonly after: unknown;
}

/** What one spec says otherwise than another: a whole resource, or the fields of it that differ. */
export function specDifferences(before: HostSpec, after: HostSpec): SpecDifference[] {
  return differences(before, after, []);
}

function differences(before: unknown, after: unknown, path: readonly (string | number)[]): SpecDifference[] {
  if (isFields(before) && isFields(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return names.flatMap((name) => differences(own(before, name), own(after, name), [...path, name]));
  }
  const isSame =
    before === after || (before !== undefined && after !== undefined && canonicalize(before) === canonicalize(after));
  return isSame ? [] : [{ path, before, after }];
}

function own(fields: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

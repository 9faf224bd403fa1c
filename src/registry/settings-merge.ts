import { canonicalize } from '../base/canonical-json.ts';
import { parseStrictJson, StrictJsonError } from '../base/strict-json.ts';
import { AppError } from '../contracts/errors.ts';

/** The one file that capabilities add to rather than replace. */
export const settingsPath = '.claude/settings.json';

export const mostSettingsBytes = 1024 * 1024;

export interface NamedSettings {
  readonly capability: string;
  readonly bytes: Uint8Array;
}

/** The settings of several capabilities as one: objects merged, arrays united, of single values the later one. */
export function mergeSettings(all: readonly NamedSettings[]): Uint8Array {
  let merged: unknown = {};
  for (const { capability, bytes } of all) {
    const settings = parseSettings(capability, bytes);
    merged = merge(merged, settings, (place, message) => {
      throw invalid(capability, `${place} ${message} in an earlier capability`);
    });
  }
  return Buffer.from(`${JSON.stringify(merged, undefined, 2)}\n`);
}

function parseSettings(capability: string, bytes: Uint8Array): unknown {
  try {
    const settings = parseStrictJson(bytes, {
      maxBytes: mostSettingsBytes,
      maxDepth: 64,
      maxStringBytes: mostSettingsBytes,
      numbers: 'double',
    });
    if (isObject(settings)) return settings;
    throw invalid(capability, 'it is not a JSON object');
  } catch (cause) {
    if (!(cause instanceof StrictJsonError)) throw cause;
    throw invalid(capability, `${cause.message} (line ${cause.line}, column ${cause.column})`, cause);
  }
}

type Clash = (place: string, message: string) => never;

function merge(earlier: unknown, later: unknown, clash: Clash, place = ''): unknown {
  if (isObject(earlier) && isObject(later)) {
    const merged = new Map(Object.entries(earlier));
    for (const [key, value] of Object.entries(later)) {
      const inner = place === '' ? key : `${place}.${key}`;
      merged.set(key, merged.has(key) ? merge(merged.get(key), value, clash, inner) : value);
    }
    return Object.fromEntries(merged);
  }
  if (Array.isArray(earlier) && Array.isArray(later)) {
    return [...new Map([...earlier, ...later].map((value: unknown) => [canonicalize(value), value])).values()];
  }
  if (kindOf(earlier) !== kindOf(later)) clash(place, `is ${kindOf(later)} and ${kindOf(earlier)}`);
  return later;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  return isObject(value) ? 'an object' : 'a single value';
}

function invalid(capability: string, state: string, cause?: unknown): AppError {
  const message = `Cannot merge "${settingsPath}" of capability "${capability}": ${state}`;
  return new AppError('invalid-input', message, { cause });
}

import { stringify } from 'yaml';
import type * as z from 'zod';
import { canonicalize } from '../base/canonical-json.ts';
import {
  type HostSpec,
  imageSpecSchema,
  networkSpecSchema,
  volumeSpecSchema,
  workspaceSpecSchema,
} from '../contracts/host-spec.ts';

export const sectionSchemas = {
  networks: networkSpecSchema,
  volumes: volumeSpecSchema,
  images: imageSpecSchema,
  workspaces: workspaceSpecSchema,
} as const;

/** A spec as a person would write it: without what is the default anyway. It applies again as the same spec. */
export function specText(spec: HostSpec): string {
  const sections = Object.entries(sectionSchemas).flatMap(([section, schema]) => {
    const named = spec[section as keyof typeof sectionSchemas]; // A key of that very literal.
    const entries = Object.entries(named).map(([name, resource]) => [name, withoutDefaults(resource, schema)]);
    return entries.length === 0 ? [] : [[section, Object.fromEntries(entries)]];
  });
  const shown = { schemaVersion: spec.schemaVersion, ...Object.fromEntries(sections) };
  return stringify(shown, { aliasDuplicateObjects: false, lineWidth: 0 });
}

type Fields = Record<string, unknown>;

/** Leaves out each field without which the schema says the same. */
export function withoutDefaults(resource: object, schema: z.ZodType): unknown {
  const wanted = canonicalize(resource);
  return trimmed(resource, (shorter) => {
    const { success, data } = schema.safeParse(shorter);
    return success && canonicalize(data) === wanted;
  });
}

function trimmed(value: unknown, isSame: (shorter: unknown) => boolean): unknown {
  if (Array.isArray(value)) {
    return value.reduce<readonly unknown[]>(
      (kept, item, index) =>
        kept.with(
          index,
          trimmed(item, (shorter) => isSame(kept.with(index, shorter))),
        ),
      value,
    );
  }
  return isFields(value) ? trimmedFields(value, isSame) : value;
}

function trimmedFields(value: Fields, isSame: (shorter: unknown) => boolean): Fields {
  let kept = value;
  for (const [name, field] of Object.entries(value)) {
    const { [name]: _, ...others } = kept;
    if (isSame(others)) kept = others;
    else kept = { ...kept, [name]: trimmed(field, (shorter) => isSame({ ...kept, [name]: shorter })) };
  }
  return kept;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

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

const schemas = {
  networks: networkSpecSchema,
  volumes: volumeSpecSchema,
  images: imageSpecSchema,
  workspaces: workspaceSpecSchema,
} as const;

/** A spec as a person would write it: without what is the default anyway. It applies again as the same spec. */
export function specText(spec: HostSpec): string {
  const sections = Object.entries(schemas).flatMap(([section, schema]) => {
    const named = spec[section as keyof typeof schemas]; // A key of that very literal.
    const entries = Object.entries(named).map(([name, resource]) => [name, withoutDefaults(resource, schema)]);
    return entries.length === 0 ? [] : [[section, Object.fromEntries(entries)]];
  });
  const shown = { schemaVersion: spec.schemaVersion, ...Object.fromEntries(sections) };
  return stringify(shown, { aliasDuplicateObjects: false, lineWidth: 0 });
}

type Fields = Record<string, unknown>;

/** Leaves out each field without which the schema says the same. */
function withoutDefaults(resource: object, schema: z.ZodType): Fields {
  const wanted = canonicalize(resource);
  const isSame = (fields: Fields) => {
    const { success, data } = schema.safeParse(fields);
    return success && canonicalize(data) === wanted;
  };
  const kept: Fields = { ...resource };
  for (const [name, value] of Object.entries(resource)) {
    const { [name]: _, ...others } = kept;
    if (isSame(others)) delete kept[name];
    else if (isFields(value)) kept[name] = trimmed(value, (shorter) => isSame({ ...kept, [name]: shorter }));
  }
  return kept;
}

/** One level below: that is as deep as fields with defaults lie. */
function trimmed(value: Fields, isSame: (shorter: Fields) => boolean): Fields {
  let kept = value;
  for (const name of Object.keys(value)) {
    const { [name]: _, ...others } = kept;
    if (isSame(others)) kept = others;
  }
  return kept;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

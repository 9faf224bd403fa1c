import type { z } from 'zod';
import { suggestion } from '../base/suggest.ts';
import type { Problem } from '../contracts/mailbox.ts';
import { limits } from '../contracts/names.ts';

/** What a schema found, with JSON paths; an unknown key names the known one that was meant. */
export function schemaProblems(error: z.ZodError, knownKeys: readonly string[]): Problem[] {
  return error.issues.slice(0, limits.planProblems).flatMap((issue) => {
    const path = jsonPath(issue.path);
    if (issue.code !== 'unrecognized_keys') return [{ path, message: issue.message }];
    return issue.keys.map((key) => ({
      path: path === '' ? key : `${path}.${key}`,
      message: `unknown key${suggestion(key, knownKeys)}`,
    }));
  });
}

/** `items[2].depends_on[0]`; '' for the whole document. */
function jsonPath(segments: readonly PropertyKey[]): string {
  let path = '';
  for (const segment of segments) {
    if (typeof segment === 'number') path += `[${segment}]`;
    else path += path === '' ? String(segment) : `.${String(segment)}`;
  }
  return path;
}

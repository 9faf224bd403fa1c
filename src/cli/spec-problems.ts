import type * as z from 'zod';
import { suggestion } from '../base/suggest.ts';
import {
  buildSpecSchema,
  healthCheckSchema,
  hostSpecSchema,
  networkSpecSchema,
  portSpecSchema,
  updateStrategySchema,
  volumeSpecSchema,
  workspaceSpecSchema,
} from '../contracts/host-spec.ts';
import { limits } from '../contracts/names.ts';

export interface SpecFileProblem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

const objects = [
  hostSpecSchema,
  networkSpecSchema,
  volumeSpecSchema,
  buildSpecSchema,
  workspaceSpecSchema,
  portSpecSchema,
  healthCheckSchema,
  updateStrategySchema,
];
const others = [
  'tag',
  'pull',
  'build',
  'policy',
  'type',
  'volume',
  'source',
  'target',
  'size',
  'readOnly',
  'action',
  'after',
];
const knownKeys: ReadonlySet<string> = new Set([...objects.flatMap(({ shape }) => Object.keys(shape)), ...others]);

type Issue = z.core.$ZodIssue;

/** What the schema of a spec found, in words for who wrote it. */
export function specProblems(error: z.ZodError): SpecFileProblem[] {
  return error.issues.flatMap((issue) => problemsOf(issue, [])).slice(0, limits.planProblems);
}

function problemsOf(issue: Issue, above: readonly PropertyKey[]): SpecFileProblem[] {
  const path = [...above, ...issue.path];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: [...path, key],
        message: `there is no such key${suggestion(key, knownKeys)}`,
      }));
    case 'invalid_union':
      return unionProblems(issue, path);
    case 'invalid_key':
      return [{ path, message: issue.issues[0]?.message ?? issue.message }];
    default:
      return [{ path, message: issue.message }];
  }
}

/** The branch that was meant is the one that gets furthest; of equal ones the last, which has the words. */
function unionProblems(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  path: readonly PropertyKey[],
): SpecFileProblem[] {
  const branches: readonly (readonly Issue[])[] = issue.errors;
  const depth = (branch: readonly Issue[]) => Math.max(0, ...branch.map((each) => each.path.length));
  const isOfKind = (branch: readonly Issue[]) =>
    !branch.some((each) => each.code === 'invalid_type' && each.path.length === 0);
  const rank = (branch: readonly Issue[]) => depth(branch) * 2 + Number(isOfKind(branch));
  const [best] = branches.toReversed().sort((left, right) => rank(right) - rank(left));
  if (best === undefined) return [{ path, message: 'is none of the kinds there are' }];
  return best.flatMap((each) => problemsOf(each, path));
}

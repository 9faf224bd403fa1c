import type * as z from 'zod';
import { schemaWords } from '../base/schema-words.ts';
import { type HostSpec, hostSpecSchema } from '../contracts/host-spec.ts';
import { limits } from '../contracts/names.ts';
import { checkSpec } from '../reconcile/check-spec.ts';
import { unknownKey } from './spec-keys.ts';

export interface SpecFileProblem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

export interface CheckedSpec {
  /** Undefined where anything is wrong with it. */
  readonly spec: HostSpec | undefined;
  readonly problems: readonly SpecFileProblem[];
}

type Issue = z.core.$ZodIssue;

/** Everything that is wrong with what a file says: its shape, and what the rest of it means. */
export function checkGivenSpec(value: unknown): CheckedSpec {
  if (value === null || value === undefined) return { spec: undefined, problems: [{ path: [], message: 'is empty' }] };
  const parsed = parse(value);
  const problems = parsed.success ? checkSpec(parsed.data) : shapeProblems(parsed.error);
  if (parsed.success) return { spec: problems.length === 0 ? parsed.data : undefined, problems };
  const found = [...problems, ...problemsOfRest(value, problems)];
  return { spec: undefined, problems: found.slice(0, limits.planProblems) };
}

function parse(value: unknown) {
  return hostSpecSchema.safeParse(value, { error: specWords });
}

/** The error of a schema, for who writes YAML. */
function specWords(issue: Parameters<typeof schemaWords>[0]): string | undefined {
  const words = schemaWords(issue);
  if (issue.code === 'invalid_value' && issue.input === undefined) return `is missing: it ${words}`;
  const isBare = typeof issue.input === 'number' || typeof issue.input === 'boolean';
  return issue.code === 'invalid_type' && issue.expected === 'string' && isBare ? `${words}: quote it` : words;
}

/** What is wrong beside the fields whose shape is. */
function problemsOfRest(value: unknown, problems: readonly SpecFileProblem[]): readonly SpecFileProblem[] {
  const fields = problems.map(({ path }) => beforeList(path));
  const rest = without(value, fields);
  const parsed = parse(rest);
  const again = parsed.success
    ? parsed
    : parse(
        without(
          rest,
          parsed.error.issues.map(({ path }) => path.slice(0, 2)),
        ),
      );
  if (!again.success) return [];
  const isKnown = ({ path }: SpecFileProblem) =>
    fields.some((field) => field.every((key, index) => path[index] === key));
  return checkSpec(again.data).filter((problem) => !isKnown(problem));
}

/** A list goes as a whole: what is left of it would have other places. */
function beforeList(path: readonly PropertyKey[]): readonly PropertyKey[] {
  const index = path.findIndex((key) => typeof key === 'number');
  return index < 0 ? path : path.slice(0, index);
}

function without(value: unknown, paths: readonly (readonly PropertyKey[])[]): unknown {
  const copy: unknown = structuredClone(value);
  if (!isFields(copy)) return copy;
  for (const path of paths) {
    const parent = path.slice(0, -1).reduce<unknown>((at, key) => (isFields(at) ? at[key] : undefined), copy);
    const last = path.at(-1);
    if (isFields(parent) && last !== undefined) delete parent[last];
  }
  return { ...copy, schemaVersion: 1 };
}

function isFields(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shapeProblems(error: z.ZodError): SpecFileProblem[] {
  return error.issues.flatMap((issue) => problemsOf(issue, []));
}

/** What people write as one text elsewhere. */
const examples: ReadonlyMap<PropertyKey | undefined, string> = new Map([
  ['ports', '{ container: 80, host: 8080 }'],
  ['mounts', '{ type: bind, source: /srv, target: /data }'],
]);

function problemsOf(issue: Issue, above: readonly PropertyKey[]): SpecFileProblem[] {
  const path = [...above, ...issue.path];
  const example = examples.get(path.at(-2));
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ path: [...path, key], message: unknownKey(key, path) }));
    case 'invalid_union':
      return unionProblems(issue, path);
    case 'invalid_key':
      return [{ path, message: issue.issues[0]?.message ?? issue.message }];
    case 'invalid_type':
      return [{ path, message: example === undefined ? issue.message : `${issue.message}: such as ${example}` }];
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
  if (best === undefined) return [{ path, message: issue.message }];
  return best.flatMap((each) => problemsOf(each, path));
}

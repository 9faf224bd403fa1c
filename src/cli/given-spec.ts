import { dirname, resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { schemaWords } from '../base/schema-words.ts';
import { parseStrictYaml, StrictYamlError, type YamlDocument } from '../base/strict-yaml.ts';
import { AppError } from '../contracts/errors.ts';
import { type HostSpec, hostSpecSchema, specLimits } from '../contracts/host-spec.ts';
import { checkSpec } from '../reconcile/check-spec.ts';
import type { CommandContext } from './command.ts';
import { readDefinitionFile } from './definition-file.ts';
import { oneLine } from './one-line.ts';
import { problemCount } from './problem-count.ts';
import { type SpecFileProblem, specProblems } from './spec-problems.ts';

export const fileOption = {
  type: 'string',
  value: '<file>',
  short: 'f',
  summary: 'The spec, in YAML; - is standard input',
} as const;

/** A spec as a person wrote it: contexts are folders still, secrets refs. */
export interface GivenSpec {
  readonly spec: HostSpec;
  /** Where relative paths of it start. */
  readonly folder: string;
  /** `spec.yaml:12:5`, for what is at this path. */
  placeOf(path: readonly PropertyKey[]): string;
}

const lineLength = 1_000;

/** Reads and checks a spec whole: every problem is told at once, with its line. */
export async function readSpec(typed: string, context: Pick<CommandContext, 'cwd' | 'stdin'>): Promise<GivenSpec> {
  const { document, folder } = await readDocument(typed, context);
  const label = typed === '-' ? 'standard input' : typed;
  const placeOf = (path: readonly PropertyKey[]) => {
    const { line, column } = document.placeOfKey(path);
    return `${label}:${line}:${column}`;
  };
  const parsed = hostSpecSchema.safeParse(withEmptyNamed(document.value), { error: schemaWords });
  const problems = parsed.success ? checkSpec(parsed.data) : specProblems(parsed.error);
  if (parsed.success && problems.length === 0) return { spec: parsed.data, folder, placeOf };
  throw invalidSpec(label, problems, placeOf);
}

const sections = ['networks', 'volumes', 'images', 'workspaces'];

/** `data:` with nothing behind it, as people write a volume, is one with all defaults. */
function withEmptyNamed(value: unknown): unknown {
  if (!isFields(value)) return value;
  const entries = Object.entries(value).map(([name, section]) => {
    if (!sections.includes(name)) return [name, section];
    if (!isFields(section)) return [name, section ?? {}];
    return [name, Object.fromEntries(Object.entries(section).map(([each, resource]) => [each, resource ?? {}]))];
  });
  return Object.fromEntries(entries);
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function readDocument(
  typed: string,
  { cwd, stdin }: Pick<CommandContext, 'cwd' | 'stdin'>,
): Promise<{ readonly document: YamlDocument; readonly folder: string }> {
  if (typed !== '-') {
    const { document } = await readDefinitionFile(typed, cwd);
    return { document, folder: dirname(resolve(cwd, typed)) };
  }
  try {
    return { document: parseStrictYaml(await buffer(stdin), { maxBytes: specLimits.fileBytes }), folder: cwd };
  } catch (cause) {
    if (!(cause instanceof StrictYamlError)) throw cause;
    const { line, column } = cause.place;
    throw new AppError('invalid-input', `Cannot read "standard input:${line}:${column}": ${cause.message}`);
  }
}

function invalidSpec(
  label: string,
  problems: readonly SpecFileProblem[],
  placeOf: (path: readonly PropertyKey[]) => string,
): AppError {
  const lines = problems.map(({ path, message }) => {
    const what = path.length === 0 ? 'the spec' : path.join('.');
    return `  ${oneLine(`${placeOf(path)}: ${what}: ${message}`, lineLength)}`;
  });
  return new AppError('invalid-input', `Cannot use spec "${label}": ${problemCount(problems)}\n${lines.join('\n')}`);
}

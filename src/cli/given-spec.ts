import { dirname, resolve } from 'node:path';
import { parseStrictYaml, StrictYamlError, type TextPlace, type YamlDocument } from '../base/strict-yaml.ts';
import { AppError } from '../contracts/errors.ts';
import { type HostSpec, specLimits } from '../contracts/host-spec.ts';
import type { CommandContext } from './command.ts';
import { readDefinitionFile } from './definition-file.ts';
import { oneLine } from './one-line.ts';
import { problemCount } from './problem-count.ts';
import { checkGivenSpec, type SpecFileProblem } from './spec-problems.ts';

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
  const { spec, problems } = checkGivenSpec(withEmptyNamed(document.value));
  if (spec === undefined) throw invalidSpec(label, problems, document);
  const placeOf = (path: readonly PropertyKey[]) => `${label}:${placeText(document.placeOfKey(path))}`;
  return { spec, folder, placeOf };
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
    return { document: parseStrictYaml(await readInput(stdin), { maxBytes: specLimits.fileBytes }), folder: cwd };
  } catch (cause) {
    if (!(cause instanceof StrictYamlError)) throw cause;
    throw new AppError('invalid-input', `Cannot read "standard input:${placeText(cause.place)}": ${cause.message}`);
  }
}

/** All of it, or so much that the parser says that it is too large. */
async function readInput(stdin: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const part of stdin) {
    parts.push(part);
    sizeBytes += part.length;
    if (sizeBytes > specLimits.fileBytes) break;
  }
  return Buffer.concat(parts);
}

function placeText({ line, column }: TextPlace): string {
  return `${line}:${column}`;
}

function invalidSpec(label: string, problems: readonly SpecFileProblem[], document: YamlDocument): AppError {
  const placed = problems.map((problem) => ({ ...problem, place: document.placeOfKey(problem.path) }));
  placed.sort((one, other) => one.place.line - other.place.line || one.place.column - other.place.column);
  const lines = placed.map(({ path, message, place }) => {
    const what = path.length === 0 ? 'the spec' : path.join('.');
    return `  ${oneLine(`${label}:${placeText(place)}: ${what}: ${message}`, lineLength)}`;
  });
  return new AppError('invalid-input', `Cannot use spec "${label}": ${problemCount(problems)}\n${lines.join('\n')}`, {
    next: 'docs/reference/host-spec.md has every field.',
  });
}

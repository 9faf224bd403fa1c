import { parseStrictYaml, StrictYamlError } from '../base/strict-yaml.ts';
import { AppError } from '../contracts/errors.ts';

export interface FrontMatter {
  readonly fields: Readonly<Record<string, unknown>>;
  /** What follows, without blank lines around it. */
  readonly body: string;
}

/** No prompt is longer. */
const mostBytes = 1024 * 1024;

/** The YAML between two lines of `---` at the top of a Markdown file, and the text after it. */
export function readFrontMatter(bytes: Uint8Array, path: string): FrontMatter {
  if (bytes.byteLength > mostBytes) throw invalid(path, `it is larger than ${mostBytes} bytes`);
  const text = Buffer.from(bytes)
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .replaceAll('\r\n', '\n');
  const match = /^---[ \t]*\n(.*?)^---[ \t]*(?:\n|$)/ms.exec(text);
  if (match === null || match.index !== 0) return { fields: {}, body: text.trim() };
  const fields = parseFields(match[1] ?? '', path);
  return { fields, body: text.slice(match[0].length).trim() };
}

function parseFields(yaml: string, path: string): Record<string, unknown> {
  try {
    const { value } = parseStrictYaml(Buffer.from(yaml), { maxBytes: mostBytes });
    if (value === null) return {};
    if (typeof value === 'object' && !Array.isArray(value)) return { ...value };
    throw invalid(path, 'what is between its two lines of --- are no fields');
  } catch (cause) {
    if (!(cause instanceof StrictYamlError)) throw cause;
    return looseFields(yaml);
  }
}

// Descriptions are often written with a colon and no quotes, which is not YAML and is read all the same where they
// come from: a line is a field and its text.
function looseFields(yaml: string): Record<string, string> {
  const fields = yaml.split('\n').flatMap((line) => {
    const [, key, text] = /^([A-Za-z][A-Za-z0-9_-]*):[ \t]*(.*)$/.exec(line) ?? [];
    return key === undefined || text === undefined ? [] : [[key, text.trim()] as const];
  });
  return Object.fromEntries(fields);
}

function invalid(place: string, state: string): AppError {
  return new AppError('invalid-input', `Cannot read "${place}": ${state}`);
}

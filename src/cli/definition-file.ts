import { open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseStrictYaml, StrictYamlError, type YamlDocument } from '../base/strict-yaml.ts';
import { AppError, systemErrorCode } from '../contracts/errors.ts';

/** Definitions are written by hand; whatever is larger is something else. */
const mostBytes = 4 * 1024 * 1024;

export interface DefinitionFile {
  readonly document: YamlDocument;
  readonly text: string;
  readonly folder: string;
}

/** Reads a definition in YAML or JSON, which is YAML too. A failure names the file, the line and the column. */
export async function readDefinitionFile(typed: string, cwd: string): Promise<DefinitionFile> {
  const content = await readBytes(typed, cwd);
  try {
    const document = parseStrictYaml(content, { maxBytes: mostBytes });
    return { document, text: content.toString('utf8'), folder: dirname(resolve(cwd, typed)) };
  } catch (cause) {
    if (!(cause instanceof StrictYamlError)) throw cause;
    const { line, column } = cause.place;
    throw new AppError('invalid-input', `Cannot read "${typed}:${line}:${column}": ${cause.message}`);
  }
}

async function readBytes(typed: string, cwd: string): Promise<Buffer> {
  try {
    await using file = await open(resolve(cwd, typed));
    const parts: Uint8Array[] = [];
    // One byte more than may be: the parser says what is too large.
    for await (const chunk of file.createReadStream({ end: mostBytes, autoClose: false })) parts.push(chunk);
    return Buffer.concat(parts);
  } catch (cause) {
    const reason = systemErrorCode(cause) === 'ENOENT' ? 'there is no such file' : 'it cannot be read';
    throw new AppError('usage', `Cannot read "${typed}": ${reason}`, { cause });
  }
}

import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import * as z from 'zod';
import { parseStrictJson, StrictJsonError } from '../base/strict-json.ts';
import { AppError, systemErrorCode } from '../contracts/errors.ts';
import { limits } from '../contracts/names.ts';
import type { CommandContext } from './command.ts';

export type Json = z.infer<ReturnType<typeof z.json>>;

/** Whatever is given as one value; a larger one belongs into a file that is handed in. */
const mostBytes = limits.planStringBytes;

/** A JSON value as typed, from `@file`, or from standard input for `-`. */
export async function readJsonWord(what: string, word: string, context: Pick<CommandContext, 'cwd' | 'stdin'>) {
  const text = word === '-' || word.startsWith('@') ? await readText(what, word.replace(/^@/, ''), context) : word;
  return parseJson(what, text);
}

function parseJson(what: string, text: string): Json {
  const bytes = Buffer.from(text);
  const depth = limits.planDepth;
  try {
    const rules = { maxBytes: mostBytes, maxDepth: depth, maxStringBytes: mostBytes, numbers: 'double' } as const;
    return z.json().parse(parseStrictJson(bytes, rules));
  } catch (cause) {
    if (!(cause instanceof StrictJsonError)) throw cause;
    const place = `line ${cause.line}, column ${cause.column}`;
    throw new AppError('usage', `Cannot read ${what}: it is not JSON at ${place}: ${cause.message}`);
  }
}

/** A small text file, or standard input for `-`. */
async function readText(
  what: string,
  typed: string,
  { cwd, stdin }: Pick<CommandContext, 'cwd' | 'stdin'>,
): Promise<string> {
  if (typed === '-') return readLimited(what, stdin);
  try {
    await using file = await open(resolve(cwd, typed));
    return await readLimited(what, file.createReadStream({ end: mostBytes, autoClose: false }));
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const reason = systemErrorCode(cause) === 'ENOENT' ? 'there is no such file' : 'it cannot be read';
    throw new AppError('usage', `Cannot read ${what} from "${typed}": ${reason}`, { cause });
  }
}

async function readLimited(what: string, chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    sizeBytes += chunk.length;
    if (sizeBytes > mostBytes) throw new AppError('usage', `Cannot read ${what}: it is over ${mostBytes} bytes`);
    parts.push(chunk);
  }
  return Buffer.concat(parts).toString('utf8');
}

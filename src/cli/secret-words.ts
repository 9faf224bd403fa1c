import { isUtf8 } from 'node:buffer';
import { type GivenSecret, variableNameSchema } from '../contracts/env-bundle.ts';
import { AppError } from '../contracts/errors.ts';
import { readSecretWord } from '../registry/secret-word.ts';
import type { CommandContext } from './command.ts';

export const valueOption = {
  type: 'string',
  value: '<name>=<value>',
  multiple: true,
  summary: 'A plain variable; may be given several times',
} as const;

export const secretOption = {
  type: 'string',
  value: '<name>=<ref>',
  multiple: true,
  summary: 'A secret: inline:<value>, stdin:, env:<NAME>, file:<path>, arn:… or local-secret://…',
} as const;

/** Standard input may be one secret; none is longer. */
const mostStdinBytes = 128 * 1024;

/** Reads `NAME=value` words. */
export function readValues(command: string, words: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(splitWords(command, 'value', words));
}

/** Reads `NAME=<ref>` words. No message repeats what follows the `=`: it may be the secret. */
export async function readSecrets(
  command: string,
  words: readonly string[] = [],
  context: Pick<CommandContext, 'cwd' | 'stdin'>,
): Promise<Record<string, GivenSecret>> {
  const secrets: [string, GivenSecret][] = [];
  let fromStdin: string | undefined;
  for (const [name, word] of splitWords(command, 'secret', words)) {
    if (word !== 'stdin:') {
      secrets.push([name, secretOf(command, name, word, context.cwd)]);
      continue;
    }
    if (fromStdin !== undefined) throw refused(command, `secrets ${fromStdin} and ${name} cannot both come from stdin`);
    fromStdin = name;
    secrets.push([name, { inline: await readStdin(command, name, context.stdin) }]);
  }
  return Object.fromEntries(secrets);
}

function splitWords(command: string, option: string, words: readonly string[]): [string, string][] {
  const seen = new Set<string>();
  return words.map((word) => {
    const at = word.indexOf('=');
    const name = at < 0 ? '' : word.slice(0, at);
    if (!variableNameSchema.safeParse(name).success) {
      throw refused(command, `--${option} must be <name>=…, with a name of letters, digits and _`);
    }
    if (seen.has(name)) throw refused(command, `--${option} ${name} is given twice`);
    seen.add(name);
    return [name, word.slice(at + 1)];
  });
}

function secretOf(command: string, name: string, word: string, folder: string): GivenSecret {
  const read = readSecretWord(word, folder);
  if (read.kind === 'secret') return read.secret;
  throw refused(command, `secret ${name} ${read.message}`, read.next?.replace('$NAME', `$${name}`));
}

async function readStdin(command: string, name: string, stdin: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of stdin) {
    sizeBytes += chunk.length;
    if (sizeBytes > mostStdinBytes) throw refused(command, `secret ${name} on stdin is too large`);
    parts.push(chunk);
  }
  const bytes = Buffer.concat(parts);
  if (!isUtf8(bytes)) throw refused(command, `secret ${name} on stdin is not UTF-8`);
  const value = bytes.toString('utf8').replace(/\r?\n$/, '');
  if (value === '') throw refused(command, `secret ${name} is empty: nothing came on stdin`);
  return value;
}

function refused(command: string, state: string, next = `agora ${command} --help`): AppError {
  return new AppError('usage', `Cannot run "agora ${command}": ${state}`, { next });
}

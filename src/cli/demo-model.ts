import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { undefinedIfMissing } from '../base/missing-file.ts';
import type { Declarations } from '../contracts/declarations.ts';
import { AppError } from '../contracts/errors.ts';
import { apiKeyName, keyProblem, subscriptionTokenName } from '../runtime/claude-code-key.ts';

/** Tells the example's config which variable holds the key, and so that Claude Code is to edit. */
export const paidByName = 'FANOUT_PAID_BY';

type Environment = Readonly<Record<string, string | undefined>>;

/** The environment with the variables of a file, if it is there, under those that are set. */
export async function withEnvFile(env: Environment, file: string, cwd: string): Promise<Environment> {
  const text = await undefinedIfMissing(readFile(resolve(cwd, file), 'utf8'));
  return text === undefined ? env : { ...parseEnv(text), ...env };
}

/** The variable with the key that pays for the model; undefined without one. Two are refused. */
export function paidBy(env: Environment): string | undefined {
  const given = [apiKeyName, subscriptionTokenName].filter((name) => (env[name] ?? '') !== '');
  if (given.length === 0) return undefined;
  const problem = keyProblem(Object.fromEntries(given.map((name) => [name, env[name] ?? ''])));
  if (problem === undefined) return given[0];
  throw new AppError('refused', `Cannot run the demo with Claude Code: ${problem.message}`);
}

/** What drives each subagent, and what pays for it: said before anything is spent. */
export function runtimeLines({ subagents }: Declarations, paidByVariable: string | undefined): string[] {
  return Object.values(subagents).map(({ name, runtime, model }) => {
    if (runtime === 'command') return `${name} runs a command: no model and no key is used.`;
    const paid = paidByVariable === undefined ? 'with a key of the daemon' : `with ${paidByVariable}`;
    return `${name} runs ${runtime}, model ${model ?? 'as the runtime chooses'}; its tokens are paid for ${paid}.`;
  });
}

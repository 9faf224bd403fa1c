import { AppError, exitCodes, systemErrorCode } from '../contracts/errors.ts';
import { environmentNames } from '../contracts/names.ts';
import type { Command } from './command.ts';
import { commandHelp } from './command-help.ts';
import { describeError } from './describe-error.ts';
import { outputOf } from './output.ts';
import { parseWords } from './parse-words.ts';
import { listenForSignals } from './signals.ts';

export interface NamedCommand {
  /** The words that call it. */
  readonly name: string;
  readonly summary: string;
  readonly ownsSignals?: boolean;
  load(): Promise<Command>;
}

/** Runs a command with the words that were typed after its name, in this very process. */
export async function runCommand(chosen: NamedCommand, words: readonly string[]): Promise<number> {
  // Before the command's files are loaded: a signal that comes meanwhile counts.
  const signals = listenForSignals(chosen.ownsSignals === true);
  const command = await chosen.load();
  const parsed = parseWords(chosen.name, command.spec, words);
  const [stdout, stderr] = [outputOf(process.stdout), outputOf(process.stderr)];
  if (parsed === undefined) {
    await stdout.write(commandHelp(chosen.name, chosen.summary, command.spec));
    return exitCodes.ok;
  }
  // Not only the command asks: so do providers that a config constructs, and a daemon that is started.
  if (parsed.options['insecure']) process.env[environmentNames.insecureEngine] = '1';
  const { env, stdin } = process;
  return command.run(parsed, { env, cwd: process.cwd(), stdin, stdout, stderr, ...signals });
}

/** Says why a command failed and gives the exit code for it. */
export function failedWith(error: unknown): number {
  if (systemErrorCode(error) === 'EPIPE') return exitCodes.ok;
  process.stderr.write(describeError(error, { withStack: Boolean(process.env['AGORA_DEBUG']) }));
  return error instanceof AppError ? error.exitCode : exitCodes.undecided;
}

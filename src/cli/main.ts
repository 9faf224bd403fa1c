import { AppError, exitCodes, systemErrorCode } from '../contracts/errors.ts';
import { type Choice, chooseCommand } from './choose-command.ts';
import { commandHelp } from './command-help.ts';
import { describeError } from './describe-error.ts';
import { outputOf } from './output.ts';
import { packageVersion } from './package-version.ts';
import { parseWords } from './parse-words.ts';
import { listenForSignals } from './signals.ts';

/** Runs what was typed and returns the exit code. Never throws. */
export async function main(words: readonly string[]): Promise<number> {
  try {
    const choice = chooseCommand(words);
    endQuietlyWithoutReader(choice.kind === 'command' && choice.entry.outlivesReader === true);
    return await runChoice(choice);
  } catch (error) {
    if (systemErrorCode(error) === 'EPIPE') return exitCodes.ok;
    process.stderr.write(describeError(error, { withStack: Boolean(process.env['AGORA_DEBUG']) }));
    return error instanceof AppError ? error.exitCode : exitCodes.undecided;
  }
}

async function runChoice(choice: Choice): Promise<number> {
  const stdout = outputOf(process.stdout);
  if (choice.kind === 'help') {
    await stdout.write(choice.text);
    return exitCodes.ok;
  }
  if (choice.kind === 'version') {
    await stdout.write(`${packageVersion()}\n`);
    return exitCodes.ok;
  }
  // Before the command's files are loaded: a signal that comes meanwhile counts.
  const signals = listenForSignals(choice.entry.ownsSignals ?? false);
  const command = await choice.entry.load();
  const parsed = parseWords(choice.name, command.spec, choice.rest);
  if (parsed === undefined) {
    await stdout.write(commandHelp(choice.name, choice.entry.summary, command.spec));
    return exitCodes.ok;
  }
  const stderr = outputOf(process.stderr);
  return command.run(parsed, {
    env: process.env,
    cwd: process.cwd(),
    stdin: process.stdin,
    stdout,
    stderr,
    ...signals,
  });
}

/** `agora … | head` closes the pipe early, a terminal may hang up; that is no failure. What was being written is told. */
function endQuietlyWithoutReader(isOutlived: boolean): void {
  process.stdout.on('error', (error) => {
    if (!isOutlived && systemErrorCode(error) === 'EPIPE') process.exit(exitCodes.ok);
  });
  process.stderr.on('error', () => undefined);
}

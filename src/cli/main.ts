import { exitCodes, systemErrorCode } from '../contracts/errors.ts';
import { type Choice, chooseCommand } from './choose-command.ts';
import { outputOf } from './output.ts';
import { packageVersion } from './package-version.ts';
import { failedWith, type NamedCommand, runCommand } from './run-command.ts';

/** What the scripts of `agora completion` call: nobody types it, and no help lists it. */
const complete: NamedCommand = {
  name: 'complete',
  summary: 'List what may come next',
  load: () => import('./complete.ts').then((file) => file.complete),
};

/** Runs what was typed and returns the exit code. Never throws. */
export async function main(words: readonly string[]): Promise<number> {
  try {
    if (words[0] === complete.name) return await runCommand(complete, words.slice(1));
    const choice = chooseCommand(words);
    endQuietlyWithoutReader(choice.kind === 'command' && choice.entry.outlivesReader === true);
    return await runChoice(choice);
  } catch (error) {
    return failedWith(error);
  }
}

async function runChoice(choice: Choice): Promise<number> {
  if (choice.kind === 'command') return runCommand({ name: choice.name, ...choice.entry }, choice.rest);
  const text = choice.kind === 'help' ? choice.text : `${packageVersion()}\n`;
  await outputOf(process.stdout).write(text);
  return exitCodes.ok;
}

/** `agora … | head` closes the pipe early, a terminal may hang up; that is no failure. What was being written is told. */
function endQuietlyWithoutReader(isOutlived: boolean): void {
  process.stdout.on('error', (error) => {
    if (!isOutlived && systemErrorCode(error) === 'EPIPE') process.exit(exitCodes.ok);
  });
  process.stderr.on('error', () => undefined);
}

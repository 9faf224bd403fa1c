import { failedWith, type NamedCommand, runCommand } from './run-command.ts';

/** A word that an image adds where the caller says nothing of it. */
export interface DefaultOption {
  readonly name: string;
  readonly short: string;
  readonly value: string;
}

/** What an image runs: its one command, with the words after the image's name. */
export async function runInContainer(command: NamedCommand, words: readonly string[]): Promise<void> {
  process.exit(await runCommand(command, words).catch(failedWith));
}

export function withDefaults(words: readonly string[], defaults: readonly DefaultOption[]): string[] {
  const missing = defaults.filter((option) => !words.some((word) => names(word, option)));
  return [...missing.flatMap(({ name, value }) => [`--${name}`, value]), ...words];
}

function names(word: string, { name, short }: DefaultOption): boolean {
  return (
    word === `--${name}` || word.startsWith(`--${name}=`) || (word.startsWith(`-${short}`) && !word.startsWith('--'))
  );
}

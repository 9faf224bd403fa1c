import type { Command } from '../src/cli/command.ts';
import { usageLine } from '../src/cli/command-help.ts';
import { commands } from '../src/cli/commands.ts';
import { type ErrorCode, errorCodes, exitCodes } from '../src/contracts/errors.ts';
import { markdownTable } from './markdown-table.ts';

const exitMeanings = {
  ok: 'done; for a question, the answer is yes',
  no: 'the answer is no: a run that failed, a bundle that is not intact, a patch that does not fit',
  usage: 'a wrong command line, or input that has to be corrected',
  undecided: 'it could not be decided or reached: no daemon, no trust file, no such run, a full disk',
  interrupted: 'ended by Ctrl-C',
} as const satisfies Record<keyof typeof exitCodes, string>;

/** The page on every command, made from the table the CLI itself uses. */
export async function cliPage(): Promise<string> {
  const loaded = await Promise.all(
    Object.entries(commands).map(async ([name, entry]) => ({ name, ...entry, command: await entry.load() })),
  );
  const index = loaded.map(({ name, summary }) => [
    `[\`agora ${name}\`](#agora-${name.replaceAll(' ', '-')})`,
    summary,
  ]);
  const sections = loaded.map(({ name, summary, command }) => section(name, summary, command));
  return `${[introduction, markdownTable(['command', 'what it does'], index), exitCodeSection(), ...sections].join('\n\n')}\n`;
}

const introduction = `# The command line

<!-- Made by "npm run docs" from src/cli; do not edit. -->

stdout is data, stderr is talk. Every command has \`--help\`. Run and item ids may be shortened to a prefix that only one has.
An error says what failed, why, and what to do next; \`AGORA_DEBUG=1\` adds the stack. Which config and state a command
uses, and the environment variables it reads, are in [the config](config.md).`;

function section(name: string, summary: string, { spec }: Command): string {
  const rows = Object.entries(spec.options).map(([option, { type, value, summary }]) => [
    `\`--${option}${type === 'string' ? ` ${value ?? '<value>'}` : ''}\``,
    prose(summary),
  ]);
  const parts = [
    `## agora ${name}`,
    prose(`${summary}.${(spec.details ?? []).map((line) => ` ${line}`).join('')}`),
    ['```text', usageLine(name, spec), '```'].join('\n'),
    ...(rows.length === 0 ? [] : [markdownTable(['option', 'meaning'], rows)]),
    spec.examples.length === 1 ? 'Example:' : 'Examples:',
    ['```text', ...spec.examples, '```'].join('\n'),
  ];
  return parts.join('\n\n');
}

function exitCodeSection(): string {
  const rows = Object.entries(exitCodes).map(([name, code]) => [
    String(code),
    exitMeanings[name as keyof typeof exitCodes],
    codesOf(code)
      .map((each) => `\`${each}\``)
      .join(', '),
  ]);
  return `## Exit codes\n\nThe same for every command.\n\n${markdownTable(['code', 'meaning', 'error codes that end with it'], rows)}`;
}

function codesOf(exitCode: number): ErrorCode[] {
  return (Object.keys(errorCodes) as ErrorCode[]).filter((code) => errorCodes[code] === exitCode);
}

/** A renderer would take `<ref>` for a tag. */
function prose(text: string): string {
  return text.replaceAll('<', '\\<');
}

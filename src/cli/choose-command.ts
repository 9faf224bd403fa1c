import { suggestion } from '../base/suggest.ts';
import { AppError } from '../contracts/errors.ts';
import { columns } from './command-help.ts';
import { type CommandEntry, commands } from './commands.ts';

export type Choice =
  | { readonly kind: 'command'; readonly name: string; readonly entry: CommandEntry; readonly rest: readonly string[] }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version' };

/** What the typed words ask for. Throws `usage` for a command that is not there. */
export function chooseCommand(words: readonly string[]): Choice {
  const [first] = words;
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    return { kind: 'help', text: topLevelHelp() };
  }
  if (first === '--version' || first === '-V') return { kind: 'version' };
  for (const length of [3, 2, 1]) {
    const name = words.slice(0, length).join(' ');
    const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (entry !== undefined) return { kind: 'command', name, entry, rest: words.slice(length) };
  }
  const group = [words.slice(0, 2).join(' '), first].find((name) => groupNames(name).length > 0);
  if (group === undefined) throw unknownCommand(first);
  const next = words[group.split(' ').length];
  if (next === undefined || next === '--help' || next === '-h') {
    return { kind: 'help', text: groupHelp(group, groupNames(group)) };
  }
  throw unknownCommand(`${group} ${next}`);
}

function groupNames(group: string): string[] {
  return Object.keys(commands).filter((name) => name.startsWith(`${group} `));
}

function unknownCommand(typed: string): AppError {
  const groups = Object.keys(commands).map((name) => name.split(' ')[0] ?? name);
  const near = suggestion(typed, new Set([...Object.keys(commands), ...groups]));
  return new AppError('usage', `Cannot run "agora ${typed}": there is no such command${near}`, {
    next: 'agora --help',
  });
}

function topLevelHelp(): string {
  const lines = [
    'Usage: agora <command> [options]',
    '',
    'Runs agent work on machines you own and proves what ran.',
    '',
    'Commands:',
    ...commandRows(Object.keys(commands)),
    '',
    'Each command has --help. Start with: agora demo',
  ];
  return `${lines.join('\n')}\n`;
}

function groupHelp(group: string, names: readonly string[]): string {
  const lines = [`Usage: agora ${group} <command> [options]`, '', 'Commands:', ...commandRows(names)];
  return `${lines.join('\n')}\n`;
}

function commandRows(names: readonly string[]): string[] {
  return columns(names.map((name) => [name, commands[name]?.summary ?? '']));
}

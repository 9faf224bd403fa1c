import type { CommandSpec } from './command.ts';

/** What `agora <command> --help` prints. */
export function commandHelp(name: string, summary: string, spec: CommandSpec): string {
  const rows = Object.entries(spec.options).map(([option, { type, value, summary, short, multiple }]) => {
    const shown = type === 'string' ? ` ${value ?? '<value>'}${multiple ? '...' : ''}` : '';
    return [`${short === undefined ? '' : `-${short}, `}--${option}${shown}`, summary] as const;
  });
  const lines = [
    `Usage: ${usageLine(name, spec)}`,
    '',
    `${summary}.`,
    ...(spec.details ?? []),
    '',
    'Options:',
    ...columns([...rows, ['--help', 'Print this']]),
    '',
    spec.examples.length === 1 ? 'Example:' : 'Examples:',
    ...spec.examples.map((example) => `  ${example}`),
  ];
  return `${lines.join('\n')}\n`;
}

export function usageLine(name: string, spec: CommandSpec): string {
  return ['agora', name, ...spec.operands, '[options]'].join(' ');
}

/** Two columns, indented by two. */
export function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`.trimEnd());
}

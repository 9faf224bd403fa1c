import { oneLine, widthOf } from './one-line.ts';
import { type Output, say } from './output.ts';
import { wrapLine } from './wrap-line.ts';

/** Longer than any field we give. */
const cellLength = 1_500;
const gap = '  ';
/** What the last column needs at least to be worth wrapping its texts in. */
const leastLast = 24;

/**
 * Rows for a person on a terminal, under a heading; elsewhere one line each with tabs between, without one. Where a terminal is too
 * narrow, the texts of the last column are wrapped in it, or the cells of each row are listed below each other.
 */
export async function printTable(
  output: Output,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): Promise<void> {
  const cells = rows.map((row) => row.map((cell) => oneLine(cell, cellLength)));
  const lines = output.isTerminal ? terminalLines(head, cells, output.columns) : cells.map((row) => row.join('\t'));
  for (const line of lines) await say(output, line);
}

function terminalLines(head: readonly string[], cells: readonly (readonly string[])[], columns: number): string[] {
  const all = [head.map((word) => word.toUpperCase()), ...cells];
  const widths = head.map((_, column) => Math.max(...all.map((row) => widthOf(row[column] ?? ''))));
  const before = widths.slice(0, -1).reduce((sum, width) => sum + width + gap.length, 0);
  const room = columns - before;
  if (room >= Math.min(widths.at(-1) ?? 0, leastLast)) return all.flatMap((row) => rowLines(row, widths, room));
  return cells.flatMap((row) => listed(head, row, columns));
}

function rowLines(row: readonly string[], widths: readonly number[], room: number): string[] {
  const start = row
    .slice(0, -1)
    .map((cell, column) => padded(cell, widths[column] ?? 0) + gap)
    .join('');
  const [first = '', ...others] = wrapLine(row.at(-1) ?? '', room, 0);
  return [`${start}${first}`.trimEnd(), ...others.map((part) => ' '.repeat(widthOf(start)) + part)];
}

/** Its first cell names a row; empty ones are left out. */
function listed(head: readonly string[], [name = '', ...cells]: readonly string[], columns: number): string[] {
  const width = Math.max(...head.slice(1).map(widthOf));
  const lines = cells.flatMap((cell, column) =>
    cell === '' ? [] : wrapLine(`${gap}${padded(head[column + 1] ?? '', width)}${gap}${cell}`, columns, width + 4),
  );
  return [name, ...lines];
}

function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}

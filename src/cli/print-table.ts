import { oneLine } from './one-line.ts';
import { type Output, say } from './output.ts';

/** Longer than any field we give. */
const cellLength = 1_500;

/** Rows for a person on a terminal, under a heading; elsewhere one line each with tabs between, without one. */
export async function printTable(
  output: Output,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): Promise<void> {
  const cells = rows.map((row) => row.map((cell) => oneLine(cell, cellLength)));
  if (!output.isTerminal) {
    for (const row of cells) await say(output, row.join('\t'));
    return;
  }
  const all = [head.map((word) => word.toUpperCase()), ...cells];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  for (const row of all) {
    await say(
      output,
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  }
}

import { widthOf } from './one-line.ts';
import { type Output, say } from './output.ts';

/** A line in as many as it takes, broken between words. A word that is longer than a line stays whole: it may be copied. */
export function wrapLine(line: string, columns: number, indent = 2): string[] {
  const [first = '', ...words] = line.split(' ');
  const lines: string[] = [];
  let current = first;
  for (const word of words) {
    const longer = `${current} ${word}`;
    if (current.trim() === '' || widthOf(longer) <= columns) current = longer;
    else {
      lines.push(current);
      current = ' '.repeat(indent) + word;
    }
  }
  return [...lines, current];
}

/** Prints a line of data: for a person on a terminal wrapped, elsewhere as it is. */
export async function sayWrapped(output: Output, line: string): Promise<void> {
  const lines = output.isTerminal ? wrapLine(line, output.columns) : [line];
  for (const part of lines) await say(output, part);
}

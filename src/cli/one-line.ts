import { stripVTControlCharacters } from 'node:util';
import { inertLine } from '../base/inert-line.ts';

const twoColumnsWide =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}]/u;

/** The first `most` characters of a text that anyone may have written, on one line, without what a terminal acts on. */
export function oneLine(text: string, most: number): string {
  const line = inertLine(text).replace(/ +/g, ' ');
  const start = new RegExp(`^.{0,${most}}`, 'su').exec(line)?.[0] ?? '';
  return start.length === line.length ? line : `${start}…`;
}

/** The columns of a terminal that a line takes. */
export function widthOf(line: string): number {
  let width = 0;
  for (const character of line) width += twoColumnsWide.test(character) ? 2 : 1;
  return width;
}

/** Cut to the terminal's width, since a wrapped line would break redrawing in place. */
export function fit(line: string, columns: number): string {
  const plain = stripVTControlCharacters(line);
  let width = 0;
  let kept = '';
  for (const character of plain) {
    width += twoColumnsWide.test(character) ? 2 : 1;
    if (width < columns) kept += character;
    if (width > columns) return `${kept}…`;
  }
  return line;
}

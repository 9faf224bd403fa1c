// Draws what a terminal showed as an SVG, for docs/images: node scripts/terminal-picture.ts <captured> <svg> [first-last …]
// The captured text comes from a real terminal (`script -qc "npm run -s demo" captured`), whose redraws are played again.
// Ranges choose lines of the last screen; between two of them stands `…`.
import { readFile, writeFile } from 'node:fs/promises';

const character = { width: 7.25, height: 17, size: 12 } as const;
const margin = 16;
const longestLine = 112;
const colors: Readonly<Record<string, string>> = {
  '2': '#8a8f98',
  '31': '#b3261e',
  '32': '#1a7f37',
  '33': '#9a6700',
  '36': '#0b6e99',
};

const [captured = '', picture = '', ...ranges] = process.argv.slice(2);
// The escape character as its picture, which expressions may name.
const text = (await readFile(captured, 'utf8')).replaceAll('\u001b', '␛');
const lines = choose(playBack(text), ranges);
await writeFile(picture, svg(lines));

/** The lines on the screen at the end, after every move of the cursor and every clearing. */
function playBack(text: string): string[] {
  const screen: string[] = [''];
  let row = 0;
  for (const [part] of text.matchAll(/␛\[\d*A|␛\[[KJ]|\r|\n|(?:␛\[\d+m|[^␛\r\n])+/g)) {
    const up = /^␛\[(\d*)A$/.exec(part);
    if (up !== null) row -= Number(up[1] || 1);
    else if (part === '␛[J') screen.length = row + 1;
    else if (part === '\n') screen[++row] ??= '';
    else if (part !== '\r' && part !== '␛[K') screen[row] = part;
  }
  return screen;
}

/** `3-7` and the like, counted from 1; without any, all lines. */
function choose(screen: readonly string[], ranges: readonly string[]): string[] {
  if (ranges.length === 0) return [...screen];
  return ranges.flatMap((range, index) => {
    const [first = 1, last = first] = range.split('-').map(Number);
    return [...(index === 0 ? [] : ['…']), ...screen.slice(first - 1, last)];
  });
}

function svg(lines: readonly string[]): string {
  const shown = lines.map(cut);
  const longest = Math.max(...shown.map((line) => plainOf(line).length));
  const width = Math.ceil(longest * character.width + 2 * margin);
  const height = shown.length * character.height + 2 * margin;
  const rows = shown.map((line, index) => row(line, margin + (index + 0.8) * character.height));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<title>A terminal after npm run demo</title>
<rect width="100%" height="100%" rx="8" fill="#f6f8fa"/>
<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,monospace" font-size="${character.size}" fill="#24292f" xml:space="preserve" style="white-space:pre">
${rows.filter((line) => line !== '').join('\n')}
</g>
</svg>
`;
}

function cut(line: string): string {
  const plain = plainOf(line);
  return plain.length <= longestLine ? line : `${plain.slice(0, longestLine - 1)}…`;
}

function row(line: string, y: number): string {
  if (line === '') return '';
  const marked = escapeXml(line).replace(/␛\[(\d+)m(.*?)␛\[\d+m/g, (_, code: string, text: string) => {
    return `<tspan fill="${colors[code] ?? 'inherit'}">${text}</tspan>`;
  });
  return `<text x="${margin}" y="${y.toFixed(1)}">${marked}</text>`;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

function plainOf(line: string): string {
  return line.replace(/␛\[\d+m/g, '');
}

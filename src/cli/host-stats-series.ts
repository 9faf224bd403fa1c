import type { MetricSeries } from '../contracts/routes-metrics.ts';
import { figureText } from './metric-text.ts';
import { fit, oneLine, widthOf } from './one-line.ts';
import { type Output, say } from './output.ts';
import { printTable } from './print-table.ts';
import { meanOf, sparkline, squeezed } from './sparkline.ts';

const nameLength = 64;
const figureWidth = 12;
const widestDrawing = 40;
const narrowestDrawing = 8;

/** Each series with its latest, mean and highest value: on a terminal drawn, under the name of what it is of; elsewhere a line each. */
export async function printSeries(output: Output, series: readonly MetricSeries[]): Promise<void> {
  const head = ['kind', 'of', 'series', 'last', 'mean', 'highest'];
  if (!output.isTerminal) {
    await printTable(
      output,
      head,
      series.map((one) => [one.kind, one.of, one.name, ...figuresOf(one)]),
    );
    return;
  }
  for (const line of drawnLines(series, output.columns)) await say(output, fit(line, output.columns));
}

function drawnLines(series: readonly MetricSeries[], columns: number): string[] {
  const nameWidth = Math.max(...series.map(({ name }) => widthOf(oneLine(name, nameLength))));
  const before = 2 + nameWidth + 3 * figureWidth + 2;
  const width = Math.min(widestDrawing, columns - before);
  const row = (name: string, figures: readonly string[], drawing: string) => {
    const start = `  ${name}${' '.repeat(nameWidth - widthOf(name))}`;
    const text = `${start}${figures.map((figure) => figure.padStart(figureWidth)).join('')}`;
    return width < narrowestDrawing ? text : `${text}  ${drawing}`;
  };
  const lines = [row('', ['LAST', 'MEAN', 'HIGHEST'], 'OVER TIME'.slice(0, Math.max(0, width)))];
  let section = '';
  for (const one of series) {
    const title = oneLine(`${one.kind} ${one.of}`.trimEnd(), nameLength);
    if (title !== section) lines.push(title);
    section = title;
    const values = squeezed(one.mean, width);
    lines.push(
      row(oneLine(one.name, nameLength), figuresOf(one), sparkline(values, isShare(one.name) ? { top: 1 } : {})),
    );
  }
  return lines;
}

function figuresOf({ kind, name, mean, max }: MetricSeries): string[] {
  const text = (value: number | null | undefined) =>
    value === null || value === undefined ? '' : figureText(kind, name, value);
  const highest = max.reduce<number | null>(
    (found, value) => (value === null ? found : Math.max(found ?? value, value)),
    null,
  );
  return [text(mean.findLast((value) => value !== null)), text(meanOf(mean)), text(highest)];
}

function isShare(name: string): boolean {
  return name === 'cpu' || name === 'use' || name.startsWith('pressure:');
}

import { cpus, loadavg } from 'node:os';

/** One figure, with what this machine alone takes for the same beside it. */
export interface Row {
  readonly figure: string;
  readonly value: string;
  readonly target: string;
  readonly floor: string;
}

export function printTable(rows: readonly Row[]): void {
  const headings: Row = { figure: 'figure', value: 'here', target: 'target', floor: 'this machine' };
  const all = [headings, ...rows];
  const width = (key: keyof Row) => Math.max(...all.map((row) => row[key].length));
  const [figure, value, target] = [width('figure'), width('value'), width('target')];
  process.stdout.write(`${machine()}\n\n`);
  for (const row of all) {
    process.stdout.write(
      `${row.figure.padEnd(figure)}  ${row.value.padEnd(value)}  ${row.target.padEnd(target)}  ${row.floor}\n`,
    );
  }
}

function machine(): string {
  const load = loadavg().map((value) => value.toFixed(1));
  const model = cpus()[0]?.model ?? 'unknown processor';
  return `${cpus().length} cores, ${model}, Node ${process.version}, load average ${load.join(' ')}`;
}

/** The value at a share of a list. */
export function at(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function milliseconds(value: number): string {
  return value >= 100 ? `${Math.round(value)} ms` : `${value.toFixed(2)} ms`;
}

export function middleAndTail(values: readonly number[]): string {
  return `${milliseconds(at(values, 0.5))} p50, ${milliseconds(at(values, 0.95))} p95`;
}

export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

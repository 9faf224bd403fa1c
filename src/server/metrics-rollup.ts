import { type Column, type Columns, emptyColumn } from './metrics-columns.ts';
import { finest, type Level, startOf } from './metrics-levels.ts';
import type { Figures } from './metrics-series.ts';

export interface TimedFigures {
  readonly at: number;
  readonly figures: readonly Figures[];
}

/** Points of one thing while samples are put together. */
export interface MeasuredColumns extends Pick<Figures, 'kind' | 'of'> {
  readonly columns: Columns;
}

/** Samples of one window as points of the finest level. */
export function gather(samples: readonly TimedFigures[], start: number): MeasuredColumns[] {
  const length = finest.windowMs / finest.stepMs;
  const gathered = new Map<string, MeasuredColumns & { readonly counts: Map<string, Uint32Array> }>();
  for (const { at, figures } of samples) {
    const index = Math.floor((at - start) / finest.stepMs);
    if (index < 0 || index >= length) continue;
    for (const { kind, of, values } of figures) {
      const key = `${kind} ${of}`;
      const into = gathered.get(key) ?? { kind, of, columns: new Map<string, Column>(), counts: new Map() };
      gathered.set(key, into);
      for (const [name, value] of Object.entries(values)) {
        if (value === undefined) continue;
        const column = columnOf(into.columns, name, length);
        const counts = into.counts.get(name) ?? new Uint32Array(length);
        into.counts.set(name, counts);
        add(column, { index, value, count: counts[index] ?? 0 });
        counts[index] = (counts[index] ?? 0) + 1;
      }
    }
  }
  return [...gathered.values()].map(({ kind, of, columns }) => ({ kind, of, columns }));
}

/** Puts the points of a window over what was there: late ones are added, and the same ones change nothing. */
export function overlay(known: Columns, news: Columns): void {
  for (const [name, points] of news) {
    const column = columnOf(known, name, points.mean.length);
    for (const [index, mean] of points.mean.entries()) {
      if (Number.isNaN(mean)) continue;
      column.mean[index] = mean;
      column.max[index] = points.max[index] ?? mean;
    }
  }
}

export interface Stretch {
  readonly level: Level;
  /** Of its chunk. */
  readonly start: number;
  readonly columns: Columns;
}

/** Makes the points of a coarser level between two times anew from those of a finer one. */
export function coarsen(fine: Stretch, coarse: Stretch, { from, to }: { from: number; to: number }): void {
  const length = coarse.level.windowMs / coarse.level.stepMs;
  const perStep = coarse.level.stepMs / fine.level.stepMs;
  for (const [name, points] of fine.columns) {
    const column = columnOf(coarse.columns, name, length);
    for (let at = startOf(from, coarse.level.stepMs); at < to; at += coarse.level.stepMs) {
      const first = (at - fine.start) / fine.level.stepMs;
      const { mean, max } = summary(points, first, first + perStep);
      const index = (at - coarse.start) / coarse.level.stepMs;
      // Finer points may be gone already, where a sample came very late.
      if (Number.isNaN(mean)) continue;
      column.mean[index] = mean;
      column.max[index] = max;
    }
  }
}

function columnOf(columns: Columns, name: string, length: number): Column {
  const found = columns.get(name);
  if (found !== undefined) return found;
  const made = emptyColumn(length);
  columns.set(name, made);
  return made;
}

function add({ mean, max }: Column, { index, value, count }: { index: number; value: number; count: number }): void {
  const before = mean[index] ?? Number.NaN;
  mean[index] = count === 0 ? value : (before * count + value) / (count + 1);
  max[index] = count === 0 ? value : Math.max(max[index] ?? value, value);
}

function summary({ mean, max }: Column, from: number, to: number): { mean: number; max: number } {
  let sum = 0;
  let count = 0;
  let highest = Number.NEGATIVE_INFINITY;
  for (let index = Math.max(0, from); index < Math.min(to, mean.length); index += 1) {
    const value = mean[index] ?? Number.NaN;
    if (Number.isNaN(value)) continue;
    sum += value;
    count += 1;
    highest = Math.max(highest, max[index] ?? value);
  }
  return count === 0 ? { mean: Number.NaN, max: Number.NaN } : { mean: sum / count, max: highest };
}

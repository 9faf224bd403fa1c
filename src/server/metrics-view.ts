import type { MetricKind, MetricSeries } from '../contracts/routes-metrics.ts';
import type { Chunk } from './metrics-chunks.ts';
import type { Columns } from './metrics-columns.ts';
import type { Level } from './metrics-levels.ts';

export interface ViewFrame {
  readonly from: number;
  readonly stepMs: number;
  readonly steps: number;
}

interface Sums {
  readonly kind: MetricKind;
  readonly of: string;
  readonly name: string;
  readonly sum: Float64Array;
  readonly count: Uint32Array;
  readonly max: Float64Array;
}

/** Puts points of chunks into the steps of an answer. */
export class SeriesView {
  readonly #frame: ViewFrame;
  readonly #wanted: ReadonlySet<string> | undefined;
  readonly #series = new Map<string, Sums>();

  /** Undefined wants every series. */
  constructor(frame: ViewFrame, wanted: ReadonlySet<string> | undefined) {
    this.#frame = frame;
    this.#wanted = wanted;
  }

  add({ kind, of, start, columns }: Chunk, { stepMs }: Pick<Level, 'stepMs'>): void {
    for (const [name, points] of wantedOf(columns, this.#wanted)) {
      const sums = this.#sums(kind, of, name);
      for (let index = 0; index < points.mean.length; index += 1) {
        const mean = points.mean[index] ?? Number.NaN;
        if (!Number.isNaN(mean)) this.#put(sums, start + index * stepMs, { mean, max: points.max[index] ?? mean });
      }
    }
  }

  all(): MetricSeries[] {
    return [...this.#series]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, sums]) => sums)
      .filter(({ count }) => count.some((points) => points > 0))
      .map(({ kind, of, name, sum, count, max }) => ({
        kind,
        of,
        name,
        mean: Array.from(sum, (total, step) => ((count[step] ?? 0) === 0 ? null : rounded(total / (count[step] ?? 1)))),
        max: Array.from(max, (value, step) => ((count[step] ?? 0) === 0 ? null : rounded(value))),
      }));
  }

  #put({ sum, count, max }: Sums, at: number, { mean, max: highest }: { mean: number; max: number }): void {
    const { from, stepMs, steps } = this.#frame;
    const step = Math.floor((at - from) / stepMs);
    if (step < 0 || step >= steps) return;
    sum[step] = (sum[step] ?? 0) + mean;
    max[step] = (count[step] ?? 0) === 0 ? highest : Math.max(max[step] ?? highest, highest);
    count[step] = (count[step] ?? 0) + 1;
  }

  #sums(kind: MetricKind, of: string, name: string): Sums {
    const key = `${kind} ${of} ${name}`;
    const { steps } = this.#frame;
    const found = this.#series.get(key);
    if (found !== undefined) return found;
    const made = {
      kind,
      of,
      name,
      sum: new Float64Array(steps),
      count: new Uint32Array(steps),
      max: new Float64Array(steps),
    };
    this.#series.set(key, made);
    return made;
  }
}

function wantedOf(columns: Columns, wanted: ReadonlySet<string> | undefined) {
  return wanted === undefined ? [...columns] : [...columns].filter(([name]) => wanted.has(name));
}

/** No more digits than are kept. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

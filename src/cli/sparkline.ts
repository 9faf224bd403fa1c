const bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

export interface SparklineOptions {
  /** What the highest bar stands for. Default: the highest value. */
  readonly top?: number | undefined;
}

/** One bar for each value, from zero up; a space where nothing is known. */
export function sparkline(values: readonly (number | null)[], { top }: SparklineOptions = {}): string {
  const highest = top ?? values.reduce<number>((found, value) => Math.max(found, value ?? 0), 0);
  return values.map((value) => barOf(value, highest)).join('');
}

/** As many values as there is room for: each the mean of those it stands for. */
export function squeezed(values: readonly (number | null)[], width: number): (number | null)[] {
  if (values.length <= width) return [...values];
  return Array.from({ length: width }, (_, index) => {
    const from = Math.floor((index * values.length) / width);
    const to = Math.floor(((index + 1) * values.length) / width);
    return meanOf(values.slice(from, to));
  });
}

export function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}

function barOf(value: number | null, highest: number): string {
  if (value === null) return ' ';
  const share = highest > 0 ? Math.min(1, Math.max(0, value / highest)) : 0;
  return bars[Math.round(share * (bars.length - 1))] ?? bars[0];
}

const sizeFactors: Readonly<Record<string, number>> = {
  '': 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
};
const spanFactors: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Bytes of a size of a host spec: `512m`, `2g`, or a number of them. */
export function sizeInBytes(size: number | string): number {
  if (typeof size === 'number') return size;
  const [, amount, unit = ''] = /^([0-9.]+)([kmgt]?)b?$/i.exec(size) ?? [];
  return Math.round(Number(amount) * (sizeFactors[unit.toLowerCase()] ?? Number.NaN));
}

/** Milliseconds of a time span of a host spec: `500ms`, `5m`, or a number of seconds. */
export function timeSpanInMs(span: number | string): number {
  if (typeof span === 'number') return span * 1_000;
  const [, amount, unit = ''] = /^([0-9.]+)(ms|s|m|h)$/.exec(span) ?? [];
  return Number(amount) * (spanFactors[unit] ?? Number.NaN);
}

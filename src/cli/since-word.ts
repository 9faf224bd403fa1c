import { AppError } from '../contracts/errors.ts';

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const duration = /^(?:[0-9]{1,9}(?:\.[0-9]{1,9})?[smhd])+$/;

/** The time that `10m`, `1h30m`, `2026-11-22`, `2026-11-22T10:00:00Z` or seconds since 1970 mean, as ISO 8601. */
export function sinceWord(typed: string, now: number): string {
  const at = duration.test(typed) ? now - durationMs(typed) : timeOf(typed);
  const since = new Date(at);
  if (!Number.isNaN(since.getTime())) return since.toISOString();
  throw new AppError(
    'usage',
    `Cannot use --since "${typed}": it is not a time such as 10m, 1h30m or 2026-11-22T10:00:00Z`,
  );
}

function durationMs(typed: string): number {
  let ms = 0;
  for (const [, amount, unit = ''] of typed.matchAll(/([0-9.]+)([smhd])/g)) ms += Number(amount) * (unitMs[unit] ?? 0);
  return ms;
}

function timeOf(typed: string): number {
  if (/^[0-9]{9,10}(?:\.[0-9]{1,9})?$/.test(typed)) return Number(typed) * 1_000;
  return /^[0-9]{4}-[0-9]{2}-[0-9]{2}/.test(typed) ? Date.parse(typed) : Number.NaN;
}

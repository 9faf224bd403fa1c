import { AppError } from '../contracts/errors.ts';

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A time as typed: ISO 8601, or how long ago. */
export function sinceTime(word: string, now: number): string {
  const ago = /^(\d{1,9})([smhd])$/.exec(word);
  const [, count, unit] = ago ?? [];
  if (unit === 's' || unit === 'm' || unit === 'h' || unit === 'd') {
    return new Date(Math.max(0, now - Number(count) * unitMs[unit])).toISOString();
  }
  const at = /^\d{4}-\d{2}-\d{2}/.test(word) ? new Date(word) : undefined;
  if (at !== undefined && !Number.isNaN(at.getTime())) return at.toISOString();
  throw new AppError('usage', `Cannot use time "${word}": it must be an ISO time, or 30s, 10m, 2h, 1d`);
}

/** How many lines, as typed. */
export function tailCount(word: string): number {
  if (/^\d{1,9}$/.test(word)) return Number(word);
  throw new AppError('usage', `Cannot show the last "${word}" lines: it must be a whole number`);
}

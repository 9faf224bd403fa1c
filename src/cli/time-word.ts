import { AppError } from '../contracts/errors.ts';

const seconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** Seconds of `45s`, `90m`, `12h` or `30d`. */
export function secondsOf(option: string, typed: string): number {
  const [, amount, unit = ''] = /^([0-9]{1,9})([smhd])$/.exec(typed) ?? [];
  const found = Number(amount) * (seconds[unit] ?? Number.NaN);
  if (found > 0) return found;
  throw new AppError('usage', `Cannot use --${option} "${typed}": it is not a time such as 45s, 90m, 12h or 30d`);
}

/** A whole number of an option. */
export function countOf(option: string, typed: string): number {
  if (/^[1-9][0-9]{0,8}$/.test(typed)) return Number(typed);
  throw new AppError('usage', `Cannot use --${option} "${typed}": it is not a whole number above 0`);
}

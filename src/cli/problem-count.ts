import { limits } from '../contracts/names.ts';

/** How many problems a file has, in words. Whoever collects them stops at `limits.planProblems`. */
export function problemCount({ length }: readonly unknown[]): string {
  if (length === 1) return 'one problem';
  return length < limits.planProblems ? `${length} problems` : `${length} problems or more`;
}

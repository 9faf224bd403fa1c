import { AppError } from '../contracts/errors.ts';

/** Of those there are, the one whose id is this word or, alone, begins with it. */
export function matchId<T>(
  word: string,
  known: readonly T[],
  { idOf, kind }: { readonly idOf: (one: T) => string; readonly kind: string },
): T {
  const exact = known.find((one) => idOf(one) === word);
  if (exact !== undefined) return exact;
  const matches = word === '' ? [] : known.filter((one) => idOf(one).startsWith(word));
  const [only] = matches;
  if (only !== undefined && matches.length === 1) return only;
  const ids = (matches.length > 1 ? matches : known).map(idOf);
  const shown = ids.slice(0, 5).join(', ') + (ids.length > 5 ? ', …' : '');
  if (matches.length > 1)
    throw new AppError('usage', `Cannot tell which ${kind} "${word}" is: ${matches.length} begin so: ${shown}`);
  const state = ids.length === 0 ? 'there are none' : `there are ${shown}`;
  throw new AppError('not-found', `Cannot find ${kind} "${word}": ${state}`);
}

import { sessionLimits } from '../contracts/session-wire.ts';

const leastBytes = 64 * 1024;

/** What each of so many sessions keeps of its output. A power of two, so that it changes seldom: each time all of them are moved. */
export function replayShare(sessions: number, budgetBytes: number): number {
  let share: number = sessionLimits.replayBytes;
  while (share > leastBytes && share * sessions > budgetBytes) share /= 2;
  return share;
}

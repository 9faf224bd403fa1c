/** One grade of detail: a point each step, kept in chunks that hold a whole window. */
export interface Level {
  readonly level: number;
  readonly stepMs: number;
  readonly windowMs: number;
  readonly keepMs: number;
}

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/**
 * Each window lies within one of the level above, so that a point is always made from a single chunk. The last level is kept for as
 * long as the host's settings say, and none longer.
 */
export const levels = [
  { level: 0, stepMs: 10 * second, windowMs: 10 * minute, keepMs: 2 * hour },
  { level: 1, stepMs: minute, windowMs: hour, keepMs: day },
  { level: 2, stepMs: 10 * minute, windowMs: day, keepMs: 7 * day },
  { level: 3, stepMs: hour, windowMs: 15 * day, keepMs: Number.POSITIVE_INFINITY },
] as const satisfies readonly Level[];

export const finest: Level = levels[0];

export interface View {
  readonly from: number;
  readonly to: number;
  readonly points: number;
}

/** The coarsest level that has a point for each one asked for; a coarser one where that is not kept for so long. */
export function levelFor({ from, to, points }: View, now: number): Level {
  const wantedMs = (to - from) / points;
  const reaching = levels.filter(({ keepMs }) => keepMs >= now - from);
  const fine = reaching.filter(({ stepMs }) => stepMs <= wantedMs);
  return fine.at(-1) ?? reaching[0] ?? levels[3];
}

/** Length of a step of the answer: whole steps of the level, as many as it takes. */
export function stepFor({ from, to, points }: View, { stepMs }: Level): number {
  return Math.max(1, Math.ceil((to - from) / points / stepMs)) * stepMs;
}

export function startOf(at: number, stepMs: number): number {
  return Math.floor(at / stepMs) * stepMs;
}

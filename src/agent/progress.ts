import * as z from 'zod';
import { changeStages } from '../contracts/host-change.ts';
import type { Decision } from '../reconcile/target.ts';

/** When this host reached what, of one revision. */
export const progressSchema = z.object({
  revision: z.int().positive(),
  times: z.partialRecord(z.enum(changeStages), z.iso.datetime()),
});
export type Progress = z.infer<typeof progressSchema>;

type Judged = Pick<Decision, 'steps' | 'underWay' | 'problems' | 'isSettled'>;

/** Progress after a decision; the very same where nothing is new. A stage that was reached stays reached. */
export function advance(progress: Progress | undefined, revision: number, decision: Judged, at: string): Progress {
  const before = progress?.revision === revision ? progress : { revision, times: {} };
  const isApplied = decision.steps.length === 0 && decision.underWay.length === 0 && decision.problems.length === 0;
  const times = {
    planned: at,
    ...((isApplied || decision.isSettled) && { applied: at }),
    ...(decision.isSettled && { healthy: at }),
    ...before.times,
  };
  const isSame = Object.keys(times).length === Object.keys(before.times).length;
  return isSame ? before : { revision, times };
}

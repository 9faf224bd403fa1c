import type { RunLog } from './record.ts';
import type { AnchorEntry, AnchorEvidence, ReadBack } from './verify/anchor-evidence.ts';

export type { AnchorEntry, AnchorEvidence, ReadBack } from './verify/anchor-evidence.ts';

/**
 * Keeps a second record of each seal, apart from the run's own. `record` is idempotent; an entry for a run that has
 * another one already is refused with `refused` and changes nothing. `readBack` shows what is really kept, whoever put
 * it there; a verifier judges it. Both raise `refused`, `not-found`, `unreachable` or `disk-full` where they cannot.
 */
export interface Anchor {
  readonly kind: AnchorEvidence['kind'];
  /** Which anchor it is among a run's. The seal names it; a verifier knows it by other means than the bundle. */
  readonly id: string;
  /** Where it keeps the entry of a run, for people. */
  locatorOf(run: RunLog): string;
  record(entry: AnchorEntry, signal?: AbortSignal): Promise<void>;
  readBack(run: RunLog, signal?: AbortSignal): Promise<ReadBack>;
}

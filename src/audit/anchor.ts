import type { AnchorEvidence } from './verify/bundle.ts';

export type { AnchorEvidence } from './verify/bundle.ts';

/** What is anchored of a run: the root of its records and its seal. */
export interface AnchorEntry {
  readonly runId: string;
  /** Root and size of the run's tree. */
  readonly root: string;
  readonly size: number;
  readonly sealDigest: string;
  /** When the run was sealed. */
  readonly at: string;
}

/**
 * Keeps a second record of each seal, apart from the run's own. `record` is idempotent; a second entry for a run that
 * differs from the first is refused with `refused` and changes nothing. `evidence` is what a bundle carries of it.
 */
export interface Anchor {
  readonly kind: AnchorEvidence['kind'];
  /** Which anchor of its kind; a verifier knows it by other means than the bundle. */
  readonly id: string;
  record(entry: AnchorEntry): Promise<void>;
  evidence(runId: string): Promise<AnchorEvidence | undefined>;
}

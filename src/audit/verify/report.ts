export const checkNames = [
  'parse',
  'records',
  'root',
  'seal',
  'plan',
  'manifests',
  'items',
  'artifacts',
  'anchors',
] as const;
export type CheckName = (typeof checkNames)[number];

/** True and false were decided; 'n/a' was not, because something it rests on is missing or failed. */
export type CheckResult = boolean | 'n/a';

/** What leaves a verdict open: nothing is wrong, something to decide by is missing. */
const undecided = ['no-trust', 'anchor-missing', 'anchor-unreachable'] as const;

export interface Failure {
  readonly check: CheckName | 'anchor-conflict' | (typeof undecided)[number];
  /** JSON path in the bundle, '' for the whole. */
  readonly path: string;
  readonly message: string;
}

export type Guarantee = 'none' | 'detect' | 'external-immutable';

/** What became of one anchor. */
export interface AnchorReport {
  readonly id: string;
  /** `not-read`: it was not asked, so it earns what the bundle shows by itself. `pending`: it has yet to get the entry. */
  readonly state: 'held' | 'not-read' | 'pending' | 'missing' | 'conflict' | 'unreachable';
  readonly guarantee: Guarantee;
  /** Until when nobody can remove the entry; of what is `external-immutable`. */
  readonly lockedUntil?: string;
  /** Why it earns no more. */
  readonly because?: string;
}

/** What a verifier found out about a bundle by itself. */
export interface Report {
  readonly runId?: string;
  readonly intact: boolean;
  /** Who could not have changed the bundle unnoticed: the strongest anchor that was seen to hold it. */
  readonly guarantee: Guarantee;
  readonly claim: 'tamper-detecting' | 'tamper-evident';
  /** The first of `failures`. */
  readonly failure?: Failure['check'];
  readonly failures: readonly Failure[];
  readonly checks: Readonly<Record<CheckName, CheckResult>>;
  /** Gaps the records themselves report; `no-log` because no deployment log exists to show missing runs. */
  readonly completeness: 'no-log';
  readonly gaps: number;
  /** Items in whose worktree a person had a shell. */
  readonly humanTouched: readonly string[];
  /** `refs-only`: the bytes were not looked at. Missing bytes do not make a bundle less intact, others than named do. */
  readonly artifacts: 'verified' | 'refs-only' | `missing:${number}` | `mismatch:${number}`;
  readonly authorship: 'orchestrator-only';
  readonly scope: 'whole';
  readonly anchors: readonly AnchorReport[];
  /** All times are the orchestrator's word. */
  readonly time: 'asserted';
  readonly signerKeyId?: string;
  readonly notProved: string;
}

const never =
  'Not proved: that the records were true when they were written, that no run is missing, or that the holder';
/** One sentence on what no check here shows. */
export const notProved = {
  'tamper-detecting': `${never} of the signing key changed nothing.`,
  'tamper-evident': `${never} of the signing key changed nothing before the run was sealed.`,
} as const;

/** 0 intact, 1 not, 3 when only something to decide by is missing. */
export function exitCodeOf(report: Report): 0 | 1 | 3 {
  if (report.intact) return 0;
  return isUndecided(report.failure) ? 3 : 1;
}

/** Whether nothing is wrong, but something to decide by is missing. The first failure tells: others come before. */
export function isUndecided(failure: Report['failure']): failure is (typeof undecided)[number] {
  return undecided.some((code) => code === failure);
}

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

export interface Failure {
  readonly check: CheckName | 'no-trust';
  /** JSON path in the bundle, '' for the whole. */
  readonly path: string;
  readonly message: string;
}

/** What a verifier found out about a bundle by itself. */
export interface Report {
  readonly runId?: string;
  readonly intact: boolean;
  /** Who could not have changed the bundle unnoticed: the strongest anchor whose evidence holds. */
  readonly guarantee: 'none' | 'detect';
  readonly claim: 'tamper-detecting';
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
  /** All times are the orchestrator's word. */
  readonly time: 'asserted';
  readonly signerKeyId?: string;
  readonly notProved: typeof notProved;
}

export const notProved =
  'Not proved: that the records were true when they were written, that no run is missing, or that the holder of the signing key changed nothing.';

/** 0 intact, 1 not, 3 when only the trust to decide is missing. */
export function exitCodeOf(report: Report): 0 | 1 | 3 {
  if (report.intact) return 0;
  return report.failure === 'no-trust' ? 3 : 1;
}

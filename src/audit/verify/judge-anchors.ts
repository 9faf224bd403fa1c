import type { AnchorEntry, AnchorEvidence, AnchorEvidenceFile, ReadBack } from './anchor-evidence.ts';
import { standingOf } from './anchor-standing.ts';
import type { Findings } from './findings.ts';
import type { AnchorReport, Failure } from './report.ts';

/** What an anchor answered that was asked for this verdict. Never taken from the bundle. */
export type AnchorReading = {
  readonly id: string;
} /** `asOf`: when its lock has to hold. Default: when it was read. */ & (
  | { readonly readBack: ReadBack; readonly asOf?: string }
  /** Why it could not be asked. */
  | { readonly failure: string }
);

const notAsked = 'what the bundle says of it is not believed';

export interface AnchorsToJudge {
  readonly anchors: readonly AnchorEvidence[];
  /** What each should hold. */
  readonly entry: AnchorEntry;
  readonly readings: readonly AnchorReading[];
}

/** What somebody was shown earlier, `now` being the reader's time. It says nothing about another run. */
export function readingsIn(file: AnchorEvidenceFile, { origin, runId }: AnchorEntry, now: string): AnchorReading[] {
  if (file.origin !== origin || file.runId !== runId) {
    const failure = `the evidence given is about run "${file.runId}" of ${file.origin}`;
    return file.anchors.map(({ id }) => ({ id, failure }));
  }
  // Times of this one form sort as text.
  const asOf = (readAt: string) => (readAt > now ? readAt : now);
  return file.anchors.map(({ id, readBack }) => ({ id, readBack, asOf: asOf(readBack.readAt) }));
}

export interface JudgedAnchors {
  readonly reports: readonly AnchorReport[];
  /** What leaves the verdict open. */
  readonly open: readonly Failure[];
}

/** Judges each anchor by what it showed. A conflict fails the check, also of an anchor the run knows nothing of. */
export function judgeAnchors(findings: Findings, { anchors, entry, readings }: AnchorsToJudge): JudgedAnchors {
  const open: Failure[] = [];
  const reports = anchors.map((anchor, index): AnchorReport => {
    const report = reportOn(anchor, entry, readings);
    const { state, because = '' } = report;
    const message = `names "${anchor.id}": ${because}`;
    if (state === 'conflict') findings.fail('anchors', `anchors[${index}]`, message, 'anchor-conflict');
    else if (state === 'missing' || state === 'unreachable') {
      findings.undecided('anchors');
      open.push({ check: `anchor-${state}`, path: `anchors[${index}]`, message });
    }
    return report;
  });
  const named = new Set(anchors.map(({ id }) => id));
  for (const reading of readings) {
    if (named.has(reading.id) || !('readBack' in reading) || reading.readBack.versions.length === 0) continue;
    const message = `names no "${reading.id}", which holds something of this run`;
    findings.fail('anchors', 'anchors', message, 'anchor-conflict');
  }
  return { reports, open };
}

function reportOn(
  { id, kind, state }: AnchorEvidence,
  entry: AnchorEntry,
  readings: readonly AnchorReading[],
): AnchorReport {
  if (kind === 'local') return { id, state: 'held', guarantee: 'detect' };
  const reading = readings.find((each) => each.id === id);
  if (reading === undefined && state === 'pending')
    return { id, state, guarantee: 'detect', because: 'not reached yet' };
  if (reading === undefined) return { id, state: 'not-read', guarantee: 'detect', because: notAsked };
  if ('failure' in reading) return { id, state: 'unreachable', guarantee: 'none', because: reading.failure };
  const standing = standingOf(reading.readBack, entry, reading.asOf ?? reading.readBack.readAt);
  if (standing.state === 'held') return { id, ...standing };
  if (standing.state === 'conflict') return { id, ...standing, guarantee: 'none' };
  // Saying so wins a bundle nothing: it earns no more than without any anchor.
  if (state === 'pending') return { id, state, guarantee: 'detect', because: `${standing.because} yet` };
  return { id, ...standing, guarantee: 'none' };
}

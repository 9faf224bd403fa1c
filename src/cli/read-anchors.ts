import type { Anchor, AnchorEvidence } from '../audit/anchor.ts';
import type { RunLog } from '../audit/record.ts';
import { type AnchorEvidenceFile, anchorEvidenceFormat } from '../audit/verify/anchor-evidence.ts';
import { standingOf } from '../audit/verify/anchor-standing.ts';
import type { Bundle } from '../audit/verify/bundle.ts';
import type { AnchorReading } from '../audit/verify/judge-anchors.ts';

/** How long an anchor may take to answer. */
const patienceMs = 30_000;

/** Asks each anchor what it holds of the bundle's run. The local one is the daemon's own and is not asked. */
export function readAnchors(anchors: readonly Anchor[], bundle: Bundle): Promise<AnchorReading[]> {
  const run = runOf(bundle);
  if (run === undefined) return Promise.resolve([]);
  return Promise.all(anchors.filter(({ kind }) => kind !== 'local').map((anchor) => readAnchor(anchor, run)));
}

async function readAnchor(anchor: Anchor, run: RunLog): Promise<AnchorReading> {
  const { id } = anchor;
  try {
    return { id, readBack: await anchor.readBack(run, AbortSignal.timeout(patienceMs)) };
  } catch (error) {
    const isLate = error instanceof Error && error.name === 'TimeoutError';
    if (isLate) return { id, failure: `it did not answer within ${patienceMs / 1000} s` };
    return { id, failure: error instanceof Error ? error.message : String(error) };
  }
}

/** The bundle with what its anchors showed now in place of what they showed when it was published. */
export function withReadings(bundle: Bundle, readings: readonly AnchorReading[]): Bundle {
  return { ...bundle, anchors: bundle.anchors.map((anchor) => withReading(anchor, readings)) };
}

function withReading(anchor: AnchorEvidence, readings: readonly AnchorReading[]): AnchorEvidence {
  const reading = readings.find(({ id }) => id === anchor.id);
  const { origin } = anchor.evidence;
  if (reading === undefined || origin === undefined || !('readBack' in reading)) return anchor;
  const { readBack } = reading;
  const { state } = standingOf(readBack, { ...anchor.evidence, origin }, readBack.readAt);
  // What is missing now was held before, or never got there; the bundle's own word on that stays.
  return { ...anchor, ...(state === 'missing' ? {} : { state }), readBack };
}

export function evidenceFile(bundle: Bundle, readings: readonly AnchorReading[]): AnchorEvidenceFile | undefined {
  const run = runOf(bundle);
  const anchors = readings.flatMap((reading) =>
    'readBack' in reading ? [{ id: reading.id, readBack: reading.readBack }] : [],
  );
  return run === undefined ? undefined : { format: anchorEvidenceFormat, ...run, anchors };
}

/** Which run it says it is about; nothing of it is believed, the verifier compares. */
function runOf({ runId, auditLog }: Bundle): RunLog | undefined {
  const [first] = auditLog.entries;
  const origin = typeof first === 'object' && first !== null && 'log' in first ? first.log : undefined;
  return typeof origin === 'string' && /^agora\/[0-9a-f]{32}$/.test(origin) ? { origin, runId } : undefined;
}

import type { Anchor, AnchorEntry, AnchorEvidence, ReadBack } from './anchor.ts';
import { type Standing, standingOf } from './verify/anchor-standing.ts';
import { auditRecord } from './verify/record.ts';
import { Refusal } from './verify/refusal.ts';

/** What became of a seal at one anchor. */
export interface AnchoredSeal {
  readonly evidence: AnchorEvidence;
  /** Of anchors apart from the run's own state, where they could be asked. */
  readonly readBack?: ReadBack;
  readonly standing?: Standing;
  /** Why the anchor did not take the entry, or did not answer. */
  readonly failure?: unknown;
}

/** Brings an entry to an anchor. What the anchor then shows decides, whatever it answered; only a local one may reject. */
export async function anchorSeal(anchor: Anchor, entry: AnchorEntry, signal: AbortSignal): Promise<AnchoredSeal> {
  if (anchor.kind === 'local') {
    await anchor.record(entry);
    return { evidence: evidenceOf(anchor, entry) };
  }
  const failures: unknown[] = [];
  const noted = (error: unknown) => void failures.push(error);
  await orAborted(anchor.record(entry, signal), signal).catch(noted);
  const readBack = signal.aborted ? undefined : await orAborted(anchor.readBack(entry, signal), signal).catch(noted);
  const failure = failures.length === 0 ? {} : { failure: failures[0] };
  if (readBack === undefined) return { evidence: evidenceOf(anchor, entry), ...failure };
  const standing = standingOf(readBack, entry, readBack.readAt);
  return { evidence: evidenceOf(anchor, entry, readBack), readBack, standing, ...failure };
}

/** An adapter that does not heed its signal keeps nobody waiting. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const ended = new AbortController();
  const abort = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true, signal: ended.signal });
  });
  try {
    return await Promise.race([work, abort]);
  } finally {
    ended.abort();
  }
}

/** What a bundle carries of an anchor that showed this, or that was not asked. */
export function evidenceOf(
  anchor: Pick<Anchor, 'kind' | 'id' | 'locatorOf'>,
  entry: AnchorEntry,
  readBack?: ReadBack,
): AnchorEvidence {
  const { kind, id } = anchor;
  const locator = anchor.locatorOf(entry);
  const { origin: _, ...local } = entry;
  if (kind === 'local') return { kind, id, locator, evidence: local };
  if (readBack === undefined) return { kind, id, locator, state: 'pending', evidence: entry };
  const { state } = standingOf(readBack, entry, readBack.readAt);
  return { kind, id, locator, state: state === 'missing' ? 'pending' : state, evidence: entry, readBack };
}

/** An anchor the run was promised and that nobody has any more: its entry waits for it. */
export function absentAnchor(id: string): Pick<Anchor, 'kind' | 'id' | 'locatorOf'> {
  return { kind: id === 'local' ? 'local' : 's3-object-lock', id, locatorOf: () => 'unknown' };
}

/** Ids of the anchors a run was submitted under, by its first record; none if it is damaged. */
export function promisedAnchors(recordText: string | undefined): readonly string[] {
  try {
    const record = auditRecord(JSON.parse(recordText ?? ''), 'auditLog.entries[0]');
    return record.kind === 'run.submitted' ? record.body.anchors : [];
  } catch (error) {
    if (error instanceof Refusal || error instanceof SyntaxError) return [];
    throw error;
  }
}

import { canonicalize } from '../../base/canonical-json.ts';
import type { AnchorEntry, ReadBack } from './anchor-evidence.ts';

/** What an anchor is worth to a run. */
export type Standing =
  | { readonly state: 'held'; readonly guarantee: 'external-immutable'; readonly lockedUntil: string }
  | { readonly state: 'held'; readonly guarantee: 'detect'; readonly because: string }
  | { readonly state: 'conflict'; readonly because: string }
  | { readonly state: 'missing'; readonly because: string };

type Version = ReadBack['versions'][number];

const dayMs = 86_400_000;
/** Between the store's clock when the lock was asked for and when it had the entry. */
const toleranceMs = 15 * 60_000;

/** Judges what an anchor showed by the entry it should hold. `asOf` is when its lock has to hold. */
export function standingOf(readBack: ReadBack, entry: AnchorEntry, asOf: string): Standing {
  const [oldest] = readBack.versions.filter((version) => version.isDeleteMarker === undefined);
  const conflict = conflictIn(readBack, entry, oldest);
  if (conflict !== undefined) return { state: 'conflict', because: conflict };
  if (oldest === undefined) {
    const why = readBack.hasNoLock === true ? ': nothing can be locked there' : '';
    return { state: 'missing', because: `it holds nothing of this run${why}` };
  }
  const weakness = weaknessOf(readBack, oldest, asOf);
  if (weakness !== undefined) return { state: 'held', guarantee: 'detect', because: weakness };
  return { state: 'held', guarantee: 'external-immutable', lockedUntil: String(oldest.retainUntil) };
}

/** The oldest version is what was anchored: nobody can put one before it. Anything else beside it is an alarm. */
function conflictIn({ versions, isCutShort }: ReadBack, entry: AnchorEntry, oldest: Version | undefined) {
  if (oldest !== undefined && !holdsEntry(oldest, entry))
    return `${named(oldest)}, the oldest, is ${contentOf(oldest)}`;
  const marker = versions.find((version) => version.isDeleteMarker === true);
  if (marker !== undefined) return `${named(marker)} marks what was sealed as deleted`;
  const other = versions.find((version) => !holdsEntry(version, entry));
  if (other !== undefined) return `${named(other)}, put over what was sealed, is ${contentOf(other)}`;
  return isCutShort === true ? 'it holds more versions than were read' : undefined;
}

function weaknessOf(readBack: ReadBack, { mode, retainUntil, at }: Version, asOf: string): string | undefined {
  if (readBack.isUnversioned === true) return 'the store lists no versions and tells of no lock';
  if (mode === undefined || retainUntil === undefined) {
    return `no lock is on it${readBack.hasNoLock === true ? ': nothing can be locked there' : ''}`;
  }
  if (mode !== 'COMPLIANCE') return `its lock is in mode ${mode}, which some may lift`;
  // Times of this one form sort as text.
  if (retainUntil <= asOf) return `its lock ended at ${retainUntil}`;
  const lockedMs = Date.parse(retainUntil) - Date.parse(at);
  if (lockedMs + toleranceMs >= readBack.retentionMs) return undefined;
  return `it is locked for ${days(lockedMs)}, which is less than ${days(readBack.retentionMs)}`;
}

/** Whether this version is that entry. */
export function holdsEntry({ entry, isDeleteMarker }: Version, expected: AnchorEntry): boolean {
  return isDeleteMarker === undefined && entry !== undefined && canonicalize(entry) === canonicalize(expected);
}

function named({ versionId, at }: Version): string {
  return `${versionId === undefined ? 'what is there' : `version ${versionId}`} of ${at}`;
}

function contentOf({ entry }: Version): string {
  return entry === undefined ? 'no entry of an anchor' : `of another seal (root ${entry.root}, sealed at ${entry.at})`;
}

function days(ms: number): string {
  const rounded = Math.round((ms / dayMs) * 100) / 100;
  return `${rounded} ${rounded === 1 ? 'day' : 'days'}`;
}

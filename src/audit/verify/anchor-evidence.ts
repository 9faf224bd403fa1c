import { parseStrictJson } from '../../base/strict-json.ts';
import * as form from './forms.ts';
import { Refusal } from './refusal.ts';
import { count, listOf, object, oneOf, type Shaped, text, yes } from './shape.ts';

export const anchorEvidenceFormat = 'agora/anchor-evidence/v1';

const sealed = {
  runId: form.id,
  /** Root and size of the run's tree. */
  root: form.treeHash,
  size: count,
  sealDigest: form.digest,
  /** When the run was sealed. */
  at: form.instant,
} as const;

/** What is anchored of a run: the root of its records and its seal, by their digests only. */
export const anchorEntry = object({ origin: form.origin, ...sealed });
export type AnchorEntry = Shaped<typeof anchorEntry>;

const version = object(
  { at: form.instant },
  { versionId: text, entry: anchorEntry, isDeleteMarker: yes, mode: text, retainUntil: form.instant },
);

/** What an anchor showed of a run when it was asked. Times but those in entries are by its own clock. */
export const readBack = object(
  {
    /** Where it was looked for. */
    locator: text,
    readAt: form.instant,
    /** How long, at least, whoever asked wants each entry to be locked. */
    retentionMs: count,
    /** Oldest first. One without an entry is something else. */
    versions: listOf(version),
  },
  {
    /** Who was asked. */
    endpoint: text,
    /** There are more versions than were read. */
    isCutShort: yes,
    /** The store lists no versions: what else was written there, nobody sees. */
    isUnversioned: yes,
    /** The store says that nothing in it can be locked. */
    hasNoLock: yes,
  },
);
export type ReadBack = Shaped<typeof readBack>;

/** What a bundle carries of an anchor. Only `kind`, `id` and `evidence` are bound; a local entry names no origin. */
export const anchorEvidence = object(
  {
    kind: oneOf('local', 's3-object-lock'),
    id: text,
    locator: text,
    evidence: object(sealed, { origin: form.origin }),
  },
  { state: oneOf('held', 'pending', 'conflict'), readBack },
);
export type AnchorEvidence = Shaped<typeof anchorEvidence>;

const evidenceFile = object({
  format: oneOf(anchorEvidenceFormat),
  origin: form.origin,
  runId: form.id,
  anchors: listOf(object({ id: text, readBack })),
});

/** What anchors were seen to hold of a run, by somebody the reader believes. */
export type AnchorEvidenceFile = Shaped<typeof evidenceFile>;

/** Reads an evidence file. Throws a Refusal or a StrictJsonError. */
export function parseAnchorEvidence(input: string | Uint8Array): AnchorEvidenceFile {
  const limits = { maxBytes: 4 * 1024 * 1024, maxDepth: 16, maxStringBytes: 64 * 1024 } as const;
  const file = evidenceFile(parseStrictJson(input, { ...limits, numbers: 'integer' }), '');
  const ids = file.anchors.map(({ id }) => id);
  for (const [index, id] of ids.entries()) {
    if (ids.indexOf(id) !== index) throw new Refusal(`anchors[${index}].id`, 'is there twice');
  }
  return file;
}

import { canonicalize } from '../../base/canonical-json.ts';
import { sha256Hex } from '../../base/hash.ts';
import * as form from './forms.ts';
import { Refusal } from './refusal.ts';
import {
  anything,
  count,
  integer,
  listOf,
  mapOf,
  nullable,
  object,
  oneOf,
  type Shape,
  type Shaped,
  scalar,
  text,
  yes,
} from './shape.ts';

export const artifactPorts = ['patch', 'log', 'output', 'question', 'session', 'shell', 'answer'] as const;

const artifact = object(
  { port: oneOf(...artifactPorts), ref: form.artifactRef, sizeBytes: count, mediaType: text },
  { path: text },
);
export type RecordedArtifact = Shaped<typeof artifact>;

const name = object({ name: text, version: text });

const usage = object(
  {
    models: listOf(text),
    inputTokens: count,
    outputTokens: count,
    cacheReadTokens: count,
    cacheWriteTokens: count,
  },
  { costMicroUsd: count, turns: count, modelMs: count },
);

/** The bodies of each kind of record. The set is closed: another kind is another format version. */
const bodies = {
  'run.submitted': object({
    planDigest: form.digest,
    actor: text,
    submittedAt: form.instant,
    itemCount: count,
    engine: name,
    anchors: listOf(text),
    effective: mapOf(scalar),
  }),
  'item.fired': object({
    dispatchId: form.dispatchId,
    manifest: form.digest,
    locks: listOf(text),
    patches: listOf(object({ item: form.id, ref: form.artifactRef })),
  }),
  'item.result': object(
    {
      outcome: oneOf('done', 'failed', 'stopped', 'lost', 'needs-input'),
      durationMs: count,
      artifacts: listOf(artifact),
    },
    { code: text, message: text, exitCode: nullable(integer), image: text, usage, humanTouched: yes },
  ),
  'item.answered': object({ actor: text, dispatchId: form.dispatchId, answer: artifact }),
  'item.retried': object({ dueAt: form.instant, because: text }),
  'item.skipped': object({ because: form.id }),
  'item.cancelled': object({}, { actor: text }),
  'run.cancelled': object({ actor: text }),
  'audit.gap': object({ reason: text }, { detail: text, artifacts: listOf(artifact) }),
  'key.changed': object({ keyId: form.digest }),
  'run.closed': object({ outcome: oneOf('done', 'failed', 'cancelled'), counts: mapOf(count) }),
} as const satisfies Record<string, Shape<unknown>>;

export type RecordKind = keyof typeof bodies;
export type RecordBody<K extends RecordKind> = Shaped<(typeof bodies)[K]>;

/** Which records name an item and an attempt. */
const addressing = {
  'run.submitted': { item: 'never', attempt: 'never' },
  'item.fired': { item: 'always', attempt: 'always' },
  'item.result': { item: 'always', attempt: 'always' },
  'item.answered': { item: 'always', attempt: 'always' },
  'item.retried': { item: 'always', attempt: 'always' },
  'item.skipped': { item: 'always', attempt: 'never' },
  'item.cancelled': { item: 'always', attempt: 'maybe' },
  'run.cancelled': { item: 'never', attempt: 'never' },
  'audit.gap': { item: 'maybe', attempt: 'maybe' },
  'key.changed': { item: 'never', attempt: 'never' },
  'run.closed': { item: 'never', attempt: 'never' },
} as const satisfies Record<RecordKind, { item: Presence; attempt: Presence }>;
type Presence = 'never' | 'maybe' | 'always';

type Addressed<Name extends string, Value, P extends Presence> = P extends 'always'
  ? { readonly [N in Name]: Value }
  : P extends 'maybe'
    ? { readonly [N in Name]?: Value }
    : { readonly [N in Name]?: never };

/** What happened, before it has a place in a log. */
export type RecordDraft = {
  [K in RecordKind]: { readonly kind: K; readonly body: RecordBody<K> } & Addressed<
    'item',
    string,
    (typeof addressing)[K]['item']
  > &
    Addressed<'attempt', number, (typeof addressing)[K]['attempt']>;
}[RecordKind];

/** One leaf of a run's tree. `prev` is the leaf hash of the record before it, '' for the first. */
export type AuditRecord = RecordDraft & {
  readonly v: 1;
  readonly log: string;
  readonly run: string;
  readonly seq: number;
  readonly prev: string;
  readonly at: string;
};

const frame = object(
  {
    v: oneOf(1),
    log: form.origin,
    run: form.id,
    seq: count,
    prev: text,
    at: form.instant,
    kind: oneOf(...(Object.keys(bodies) as RecordKind[])),
    body: anything,
  },
  { item: form.id, attempt: count },
);

/** Reads a record. Whether it belongs where it stands is judged by `checkRecords` and `replay`. */
export function auditRecord(value: unknown, path: string): AuditRecord {
  const record = frame(value, path);
  const { item, attempt } = addressing[record.kind];
  expectPresence(record.item !== undefined, item, `${path}.item`);
  expectPresence(record.attempt !== undefined, attempt, `${path}.attempt`);
  bodies[record.kind](record.body, `${path}.body`);
  return record as AuditRecord;
}

/** RFC 6962 leaf hash of a record's JCS text. */
export function leafHashOf(recordText: string): string {
  return sha256Hex(`\0${recordText}`);
}

export function recordText(record: AuditRecord): string {
  return canonicalize(record, { numbers: 'integer' });
}

/** The artifacts a record names, in its order. */
export function artifactsOf(record: AuditRecord): readonly RecordedArtifact[] {
  if (record.kind === 'item.answered') return [record.body.answer];
  if (record.kind === 'item.result' || record.kind === 'audit.gap') return record.body.artifacts ?? [];
  return [];
}

function expectPresence(isPresent: boolean, presence: Presence, path: string): void {
  if (presence === 'always' && !isPresent) throw new Refusal(path, 'is missing');
  if (presence === 'never' && isPresent) throw new Refusal(path, 'does not belong to this kind of record');
}

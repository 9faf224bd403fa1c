import { canonicalize } from '../../base/canonical-json.ts';
import { digestOfRef } from './forms.ts';
import { type AuditRecord, artifactsOf, type RecordBody } from './record.ts';
import { Refusal } from './refusal.ts';
import { artifactName } from './replay-state.ts';

export const sealPredicateType = 'https://agora-offload.dev/run-seal/v1';

export interface Subject {
  readonly name: string;
  readonly digest: { readonly sha256: string };
}

/** What the records of a closed run give to its seal. */
export interface SealedContent {
  readonly origin: string;
  readonly runId: string;
  readonly submitted: RecordBody<'run.submitted'>;
  readonly closed: RecordBody<'run.closed'>;
  readonly startedAt: string;
  readonly gaps: number;
  readonly subjects: readonly Subject[];
}

/** What only the sealing itself knows. */
export interface SealingFacts {
  readonly engine: { readonly name: string; readonly version: string };
  readonly sealedAt: string;
  readonly signerKeyId: string;
}

/** Reads the records once, in order. */
export function contentOf(records: Iterable<AuditRecord>): SealedContent {
  let first: Extract<AuditRecord, { kind: 'run.submitted' }> | undefined;
  let last: AuditRecord | undefined;
  let gaps = 0;
  const artifacts: Subject[] = [];
  for (const record of records) {
    if (first === undefined && record.kind === 'run.submitted') first = record;
    if (record.kind === 'audit.gap') gaps += 1;
    artifacts.push(...subjectsOf(record));
    last = record;
  }
  if (first === undefined) throw new Refusal('auditLog.entries', 'must start with run.submitted');
  if (last?.kind !== 'run.closed') throw new Refusal('auditLog.entries', 'must end with run.closed');
  const plan = { name: 'plan', digest: { sha256: hexOf(first.body.planDigest) } };
  return {
    origin: first.log,
    runId: first.run,
    submitted: first.body,
    closed: last.body,
    startedAt: first.at,
    gaps,
    subjects: [plan, ...artifacts],
  };
}

/** The in-toto statement a seal signs, as its JCS text. The verifier makes it anew and compares. */
export function statementText(
  content: SealedContent,
  tree: { readonly size: number; readonly root: string },
  facts: SealingFacts,
): string {
  const { submitted, closed } = content;
  return canonicalize(
    {
      _type: 'https://in-toto.io/Statement/v1',
      subject: content.subjects,
      predicateType: sealPredicateType,
      predicate: {
        origin: content.origin,
        runId: content.runId,
        planDigest: submitted.planDigest,
        actor: submitted.actor,
        tree: { alg: 'RFC6962-SHA256', size: tree.size, root: tree.root },
        outcome: { status: closed.outcome, items: closed.counts },
        gaps: content.gaps,
        signerKeyId: facts.signerKeyId,
        startedAt: content.startedAt,
        sealedAt: facts.sealedAt,
        engine: facts.engine,
        anchors: submitted.anchors,
      },
    },
    { numbers: 'integer' },
  );
}

function subjectsOf(record: AuditRecord): Subject[] {
  const prefix = record.kind === 'audit.gap' ? `gap/${record.seq}` : `item/${record.item}/${record.attempt}`;
  return artifactsOf(record).map((artifact) => ({
    name: `${prefix}/${artifactName(artifact)}`,
    digest: { sha256: hexOf(digestOfRef(artifact.ref)) },
  }));
}

function hexOf(digest: string): string {
  return digest.slice('sha256:'.length);
}

import { canonicalize } from '../../base/canonical-json.ts';
import { digestOf } from '../../base/hash.ts';
import { parseStrictJson, StrictJsonError } from '../../base/strict-json.ts';
import type { AnchorEntry } from './anchor-evidence.ts';
import type { Bundle } from './bundle.ts';
import { authenticate, payloadOf } from './dsse.ts';
import * as form from './forms.ts';
import { treeRoot } from './merkle.ts';
import { type PlannedRun, readPlan } from './plan.ts';
import { type AuditRecord, auditRecord, leafHashOf, recordText } from './record.ts';
import { Refusal } from './refusal.ts';
import { type Replay, replay } from './replay.ts';
import { expectSame } from './same.ts';
import { anything, object, type Shaped, text } from './shape.ts';
import { contentOf, statementText } from './statement.ts';
import { type Trust, trustedKeyFor } from './trust.ts';

/** Each function is one check: it returns what later checks build on, or throws a Refusal. */

export interface CheckedRecords {
  readonly origin: string;
  readonly records: readonly AuditRecord[];
  readonly leafHashes: readonly string[];
}

/** Every record is of this run and this log, and stands where its number and its `prev` say. */
export function checkRecords(bundle: Bundle, expectedRunId = bundle.runId): CheckedRecords {
  if (bundle.runId !== expectedRunId) throw new Refusal('runId', `is "${bundle.runId}", not "${expectedRunId}"`);
  const records: AuditRecord[] = [];
  const leafHashes: string[] = [];
  for (const [index, entry] of bundle.auditLog.entries.entries()) {
    const path = `auditLog.entries[${index}]`;
    const record = auditRecord(entry, path);
    expectSame(record.log, records[0]?.log ?? record.log, `${path}.log`);
    expectSame(record.run, bundle.runId, `${path}.run`);
    expectSame(record.seq, index, `${path}.seq`);
    expectSame(record.prev, leafHashes.at(-1) ?? '', `${path}.prev`);
    records.push(record);
    leafHashes.push(leafHashOf(recordText(record)));
  }
  const [first] = records;
  if (first === undefined) throw new Refusal('auditLog.entries', 'is empty');
  return { origin: first.log, records, leafHashes };
}

export interface Tree {
  readonly size: number;
  readonly root: string;
}

/** The root in the bundle is that of the tree its records make. */
export function checkRoot(bundle: Bundle, { leafHashes }: CheckedRecords): Tree {
  const tree = { size: leafHashes.length, root: treeRoot(leafHashes) };
  expectSame(bundle.auditLog.root, { size: tree.size, hash: tree.root }, 'auditLog.root');
  return tree;
}

const sealingFacts = object({
  engine: object({ name: text, version: text }),
  sealedAt: form.instant,
  signerKeyId: form.digest,
});
type SealingFacts = Shaped<typeof sealingFacts>;

const envelopePath = 'seal.dsseEnvelope';
const payloadPath = `${envelopePath}.payload`;

/** Reads what only the seal knows; the rest of its payload is made anew from the records and compared. */
export function readSealingFacts(bundle: Bundle): SealingFacts {
  const statement = parsePayload(payloadOf(bundle.seal.dsseEnvelope, envelopePath));
  const { predicate } = statement as { predicate?: Record<string, unknown> };
  const { engine, sealedAt, signerKeyId } = predicate ?? {};
  return sealingFacts({ engine, sealedAt, signerKeyId }, payloadPath);
}

/** The seal is about exactly these records: same run, log, plan, tree, outcome and artifacts. */
export function checkStatement(bundle: Bundle, { records }: CheckedRecords, tree: Tree, facts: SealingFacts): void {
  const expected = statementText(contentOf(records), tree, facts);
  const actual = Buffer.from(payloadOf(bundle.seal.dsseEnvelope, envelopePath)).toString();
  if (actual === expected) return;
  expectSame(parsePayload(Buffer.from(actual)), JSON.parse(expected), payloadPath);
  throw new Refusal(payloadPath, 'is not in its canonical form');
}

/** The seal is signed by the key it names, and that key is trusted for this origin. */
export function checkSignature(bundle: Bundle, { origin }: CheckedRecords, facts: SealingFacts, trust: Trust): void {
  const keyId = bundle.seal.verificationMaterial.publicKey.hint;
  expectSame(facts.signerKeyId, keyId, `${payloadPath}.predicate.signerKeyId`);
  const key = trustedKeyFor(trust, { keyId, origin, sealedAt: facts.sealedAt });
  authenticate(bundle.seal.dsseEnvelope, key, envelopePath);
}

/** The plan is the one that was submitted. */
export function checkPlan(bundle: Bundle, { records }: CheckedRecords): PlannedRun {
  const plan = readPlan(bundle.plan);
  expectSame(plan.runId, bundle.runId, 'plan.id');
  const [first] = records;
  if (first?.kind !== 'run.submitted') throw new Refusal('auditLog.entries[0].kind', 'must be run.submitted');
  if (first.body.planDigest !== plan.digest) throw new Refusal('plan', 'is not the plan the records name');
  return plan;
}

/** What the bundle says about its items is what the records show. */
export function checkItems(bundle: Bundle, { records }: CheckedRecords, plan: PlannedRun): Replay {
  const replayed = replay(plan, records);
  expectSame(bundle.items, replayed.items, 'items');
  return replayed;
}

/** Each start of an attempt has its manifest, each manifest its start, and what it was handed was made before. */
export function checkManifests(bundle: Bundle, { fired, resumed, firstSeen }: Replay): void {
  for (const [index, manifest] of bundle.manifests.entries()) {
    const path = `manifests[${index}]`;
    const record = fired[index];
    if (record === undefined) throw new Refusal(path, 'belongs to no item.fired record');
    if (digestOf(canonicalize(manifest, { numbers: 'integer' })) !== record.body.manifest) {
      throw new Refusal(path, `is not the manifest that auditLog.entries[${record.seq}] names`);
    }
    expectSame(manifest['runId'], record.run, `${path}.runId`);
    expectSame(manifest['itemId'], record.item, `${path}.itemId`);
    expectSame(manifest['attempt'], record.attempt, `${path}.attempt`);
    expectSame(manifest['dispatchId'], record.body.dispatchId, `${path}.dispatchId`);
    checkResume(manifest, resumed[index], `${path}.resume`);
    for (const ref of neededRefs(manifest)) {
      const seenAt = firstSeen.get(ref);
      if (seenAt === undefined || seenAt > record.seq)
        throw new Refusal(path, `needs "${ref}", which no item made before`);
    }
  }
  const without = fired[bundle.manifests.length];
  if (without !== undefined) throw new Refusal('manifests', `has none for auditLog.entries[${without.seq}]`);
}

/** An attempt goes on with the answer its item got and with what was asked from, or with nothing. */
function checkResume(manifest: Bundle['manifests'][number], from: Replay['resumed'][number], path: string): void {
  const resume = manifest['resume'];
  if (from === undefined) {
    if (resume !== undefined) throw new Refusal(path, 'goes on with an answer nobody gave');
    return;
  }
  const { sessionId: _, ...named } = (resume ?? {}) as Readonly<Record<string, unknown>>;
  const { question, answer, partialPatch, session } = from;
  const expected = {
    question,
    answer,
    ...(partialPatch === undefined ? {} : { partialPatch }),
    ...(session === undefined ? {} : { session }),
  };
  expectSame(named, expected, path);
}

function neededRefs(manifest: Readonly<Record<string, unknown>>): string[] {
  // What an attempt goes on with is compared whole, by checkResume.
  const { needs } = (manifest['dispatch'] ?? {}) as { needs?: unknown };
  if (!Array.isArray(needs)) return [];
  return needs.map((need: unknown) => String((need as { ref?: unknown } | null)?.ref));
}

/** What the bundle lists as artifacts is what the records name. */
export function checkArtifacts(bundle: Bundle, { artifacts }: Replay): void {
  expectSame(bundle.artifacts, artifacts, 'artifacts');
}

/** The anchors are those the run was submitted under, for this root and this seal. Returns what each should hold. */
export function checkAnchors(
  bundle: Bundle,
  { records, origin }: CheckedRecords,
  tree: Tree,
  facts: SealingFacts,
): AnchorEntry {
  const [first] = records;
  const promised = first?.kind === 'run.submitted' ? first.body.anchors : [];
  expectSame(
    bundle.anchors.map(({ id }) => id),
    promised,
    'anchors',
  );
  const sealDigest = sealDigestOf(bundle.seal.dsseEnvelope);
  const local = { runId: bundle.runId, root: tree.root, size: tree.size, sealDigest, at: facts.sealedAt };
  const entry = { ...local, origin };
  for (const [index, anchor] of bundle.anchors.entries()) {
    const isLocal = anchor.id === 'local';
    expectSame(anchor.kind === 'local', isLocal, `anchors[${index}].kind`);
    expectSame(anchor.evidence, isLocal ? local : entry, `anchors[${index}].evidence`);
  }
  return entry;
}

/** Names a seal: the digest of the JCS text of its DSSE envelope. */
export function sealDigestOf(envelope: Bundle['seal']['dsseEnvelope']): `sha256:${string}` {
  return digestOf(canonicalize(envelope));
}

const payloadLimits = { maxBytes: 256 * 1024 * 1024, maxDepth: 16, maxStringBytes: 1024 * 1024 } as const;

function parsePayload(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value = parseStrictJson(bytes, { ...payloadLimits, numbers: 'integer' });
    return object({ _type: text, subject: anything, predicateType: text, predicate: anything })(value, payloadPath);
  } catch (error) {
    if (!(error instanceof StrictJsonError)) throw error;
    throw new Refusal(payloadPath, `${error.path} ${error.message}`.trim());
  }
}

import type { AnchorEntry } from './anchor.ts';
import type { RunLog } from './record.ts';
import type { Signer } from './signer.ts';
import { sealDigestOf } from './verify/checks.ts';
import { payloadType, preAuthenticationEncoding, type SealEnvelope, sealMediaType } from './verify/dsse.ts';
import { TreeHasher } from './verify/merkle.ts';
import { type AuditRecord, auditRecord, leafHashOf } from './verify/record.ts';
import { contentOf, statementText } from './verify/statement.ts';

export interface SealInput extends RunLog {
  /** JCS texts of all records of the run, from run.submitted to run.closed. Read once. */
  readonly recordTexts: Iterable<string>;
  readonly engine: { readonly name: string; readonly version: string };
  /** UTC time with milliseconds. */
  readonly sealedAt: string;
}

/** A signed statement of what a run's records say. The same input and key give the same seal. */
export interface Seal {
  readonly runId: string;
  readonly envelope: SealEnvelope;
  /** Digest of the JCS text of the DSSE envelope. */
  readonly digest: `sha256:${string}`;
  /** Root and size of the run's tree. */
  readonly root: string;
  readonly size: number;
  readonly sealedAt: string;
}

export async function sealRun(input: SealInput, signer: Signer): Promise<Seal> {
  const { origin, runId, engine, sealedAt } = input;
  const tree = new TreeHasher();
  const content = contentOf(readRecords(input, tree));
  const size = tree.size;
  const root = tree.root();
  const signerKeyId = await signer.keyId();
  const statement = statementText({ ...content, origin, runId }, { size, root }, { engine, sealedAt, signerKeyId });
  const payload = Buffer.from(statement);
  const signature = await signer.sign(preAuthenticationEncoding(payloadType, payload));
  const dsseEnvelope = {
    payload: payload.toString('base64'),
    payloadType,
    signatures: [{ sig: Buffer.from(signature).toString('base64'), keyid: signerKeyId }],
  } as const;
  const envelope = {
    mediaType: sealMediaType,
    verificationMaterial: { publicKey: { hint: signerKeyId } },
    dsseEnvelope,
  } as const;
  return { runId, envelope, digest: sealDigestOf(dsseEnvelope), root, size, sealedAt };
}

/** What every anchor of the run is given. */
export function anchorEntryOf(origin: string, seal: Seal): AnchorEntry {
  return { origin, runId: seal.runId, root: seal.root, size: seal.size, sealDigest: seal.digest, at: seal.sealedAt };
}

function* readRecords({ recordTexts }: SealInput, tree: TreeHasher): Generator<AuditRecord> {
  for (const text of recordTexts) {
    const record = auditRecord(JSON.parse(text), `record ${tree.size}`);
    tree.append(leafHashOf(text));
    yield record;
  }
}

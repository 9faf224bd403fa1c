import { type KeyObject, verify } from 'node:crypto';
import { Refusal } from './refusal.ts';
import { listOf, object, oneOf, type Shaped, text } from './shape.ts';

export const payloadType = 'application/vnd.in-toto+json';
export const sealMediaType = 'application/vnd.dev.sigstore.bundle.v0.3+json';

const dsseEnvelope = object({
  payload: text,
  payloadType: oneOf(payloadType),
  signatures: listOf(object({ sig: text, keyid: text })),
});
export type DsseEnvelope = Shaped<typeof dsseEnvelope>;

/** A seal as it is shipped: a Sigstore bundle v0.3 that names its key by a hint. */
export const sealEnvelope = object({
  mediaType: oneOf(sealMediaType),
  verificationMaterial: object({ publicKey: object({ hint: text }) }),
  dsseEnvelope,
});
export type SealEnvelope = Shaped<typeof sealEnvelope>;

/** DSSE's pre-authentication encoding: the bytes a signature is over. */
export function preAuthenticationEncoding(type: string, payload: Uint8Array): Uint8Array {
  const head = `DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.byteLength} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

/** The payload's bytes, if they are spelled in the one base64 form they have. */
export function payloadOf(envelope: DsseEnvelope, path: string): Uint8Array {
  return decodeBase64(envelope.payload, `${path}.payload`);
}

/** Refuses an envelope that does not carry exactly one signature, by this key. */
export function authenticate(envelope: DsseEnvelope, key: { keyId: string; publicKey: KeyObject }, path: string): void {
  const [signature, ...others] = envelope.signatures;
  if (signature === undefined || others.length > 0) {
    throw new Refusal(`${path}.signatures`, `must hold one signature, it holds ${envelope.signatures.length}`);
  }
  if (signature.keyid !== key.keyId) {
    throw new Refusal(`${path}.signatures[0].keyid`, `must be "${key.keyId}"`);
  }
  const bytes = preAuthenticationEncoding(envelope.payloadType, payloadOf(envelope, path));
  const isSignedByKey = verify(null, bytes, key.publicKey, decodeBase64(signature.sig, `${path}.signatures[0].sig`));
  if (!isSignedByKey) throw new Refusal(`${path}.signatures[0].sig`, 'is not a signature of the payload by this key');
}

function decodeBase64(spelling: string, path: string): Uint8Array {
  const bytes = Buffer.from(spelling, 'base64');
  if (bytes.toString('base64') !== spelling) throw new Refusal(path, 'must be padded standard base64');
  return bytes;
}

import { createPublicKey, type KeyObject } from 'node:crypto';
import { digestOf } from '../../base/hash.ts';
import { parseStrictJson } from '../../base/strict-json.ts';
import * as form from './forms.ts';
import { Refusal } from './refusal.ts';
import { listOf, object, oneOf, type Shaped, text } from './shape.ts';

export const trustFormat = 'agora/trust/v1';

const trustedKey = object(
  {
    keyId: form.digest,
    publicKeyPem: text,
    status: oneOf('active', 'revoked'),
    notBefore: form.instant,
  },
  { notAfter: form.instant },
);
export type TrustedKey = Shaped<typeof trustedKey>;

const trustShape = object({
  format: oneOf(trustFormat),
  origins: listOf(form.origin),
  keys: listOf(trustedKey),
});

/** Whose seals a verifier believes, and for which deployments. It comes from the reader, never from a bundle. */
export type Trust = Shaped<typeof trustShape>;

/** Reads a trust file. Throws a Refusal or a StrictJsonError. */
export function parseTrust(input: string | Uint8Array): Trust {
  const value = parseStrictJson(input, {
    maxBytes: 1024 * 1024,
    maxDepth: 8,
    maxStringBytes: 64 * 1024,
    numbers: 'integer',
  });
  const trust = trustShape(value, '');
  const seen = new Set<string>();
  for (const [index, key] of trust.keys.entries()) {
    publicKeyOf(key, `keys[${index}]`);
    if (seen.has(key.keyId)) throw new Refusal(`keys[${index}].keyId`, 'is there twice');
    seen.add(key.keyId);
  }
  return trust;
}

/** Whether it may be believed for seals made at this time by this key is for `trustedKeyFor` to say. */
function publicKeyOf(key: TrustedKey, path: string): KeyObject {
  const publicKey = readPublicKey(key.publicKeyPem, `${path}.publicKeyPem`);
  if (publicKey.asymmetricKeyType !== 'ed25519') throw new Refusal(`${path}.publicKeyPem`, 'must be an Ed25519 key');
  const keyId = digestOf(publicKey.export({ type: 'spki', format: 'der' }));
  if (keyId !== key.keyId) throw new Refusal(`${path}.keyId`, `must be "${keyId}", the digest of the key`);
  return publicKey;
}

/** The key with this id if the trust lets it seal for this origin at this time; a Refusal otherwise. */
export function trustedKeyFor(
  trust: Trust,
  seal: { readonly keyId: string; readonly origin: string; readonly sealedAt: string },
): { keyId: string; publicKey: KeyObject } {
  const place = 'seal.verificationMaterial.publicKey.hint';
  if (!trust.origins.includes(seal.origin)) {
    throw new Refusal('auditLog.entries[0].log', `is "${seal.origin}", which the trust file does not list`);
  }
  const index = trust.keys.findIndex((key) => key.keyId === seal.keyId);
  const key = trust.keys[index];
  if (key === undefined) throw new Refusal(place, `is "${seal.keyId}", which the trust file does not list`);
  if (key.status === 'revoked') throw new Refusal(place, 'is a key that was revoked');
  // Times of this one form sort as text.
  const isInTime = key.notBefore <= seal.sealedAt && (key.notAfter === undefined || seal.sealedAt <= key.notAfter);
  if (!isInTime) throw new Refusal(place, `is a key that was not valid at "${seal.sealedAt}"`);
  return { keyId: key.keyId, publicKey: publicKeyOf(key, `keys[${index}]`) };
}

function readPublicKey(pem: string, path: string): KeyObject {
  if (!pem.startsWith('-----BEGIN PUBLIC KEY-----')) throw new Refusal(path, 'must be a public key in PEM');
  try {
    return createPublicKey(pem);
  } catch {
    throw new Refusal(path, 'must be a public key in PEM');
  }
}

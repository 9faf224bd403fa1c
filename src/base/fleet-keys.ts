import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';

/** Of Ed25519 (RFC 8032) or X25519 (RFC 7748). */
export type KeyKind = 'ed25519' | 'x25519';

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
const fingerprintLength = 16;

export function makePrivateKey(kind: KeyKind): KeyObject {
  // Two calls, because each kind has its own signature in the types of Node.
  return (kind === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('x25519')).privateKey;
}

/** The raw 32 bytes of a private key's public half, base64url. */
export function publicKeyText(privateKey: KeyObject): string {
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
  if (x === undefined) throw new TypeError('Cannot tell the public key: neither Ed25519 nor X25519');
  return x;
}

/** The key of raw bytes in base64url. Throws where they are no such key. */
export function publicKeyOf(kind: KeyKind, text: string): KeyObject {
  const crv = kind === 'ed25519' ? 'Ed25519' : 'X25519';
  return createPublicKey({ key: { kty: 'OKP', crv, x: text }, format: 'jwk' });
}

/** Ed25519, base64url. */
export function signText(privateKey: KeyObject, text: string): string {
  return sign(null, Buffer.from(text), privateKey).toString('base64url');
}

/** False also for a key or signature that is none. */
export function isSignedBy(publicKey: string | KeyObject, text: string, signature: string): boolean {
  try {
    const bytes = Buffer.from(signature, 'base64url');
    // One text for one signature: another ending of the base64 would decode to the same bytes.
    if (bytes.toString('base64url') !== signature) return false;
    const key = typeof publicKey === 'string' ? publicKeyOf('ed25519', publicKey) : publicKey;
    return verify(null, Buffer.from(text), key, bytes);
  } catch {
    return false; // No key.
  }
}

/** For people to compare: the first 80 bits of a public key's sha256 in base32, in groups of four. */
export function fingerprintOf(publicKey: string): string {
  const digest = createHash('sha256').update(Buffer.from(publicKey, 'base64url')).digest();
  let text = '';
  for (let bit = 0; text.length < fingerprintLength; bit += 5) {
    const pair = digest.readUInt16BE(Math.floor(bit / 8));
    text += alphabet[(pair >> (11 - (bit % 8))) & 31];
  }
  return text.replace(/(.{4})(?=.)/g, '$1-');
}

import { createCipheriv, createDecipheriv, diffieHellman, hkdfSync, type KeyObject, randomBytes } from 'node:crypto';
import { makePrivateKey, publicKeyOf, publicKeyText } from './fleet-keys.ts';

/** Everything base64url. */
export interface SealedText {
  readonly ephemeralKey: string;
  readonly nonce: string;
  readonly ciphertext: string;
}

const tagBytes = 16;
const purpose = 'agora/sealed-box/v1';

/**
 * Seals a text so that only the holder of an X25519 key can read it: a key of HKDF-SHA256 (RFC 5869) over the shared secret of an
 * ephemeral key (RFC 7748), AES-256-GCM. `context` is bound to it: opened under another one it is refused.
 */
export function sealText(recipient: string, text: string, context: string): SealedText {
  const ephemeral = makePrivateKey('x25519');
  const ephemeralKey = publicKeyText(ephemeral);
  const shared = diffieHellman({ privateKey: ephemeral, publicKey: publicKeyOf('x25519', recipient) });
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', keyOf(shared, ephemeralKey, recipient), nonce);
  cipher.setAAD(Buffer.from(context));
  const ciphertext = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return { ephemeralKey, nonce: nonce.toString('base64url'), ciphertext: ciphertext.toString('base64url') };
}

/** False for a key whose shared secret would be known to everybody (RFC 7748 §6.1), and for what is no key. */
export function canSealTo(recipient: string): boolean {
  try {
    diffieHellman({ privateKey: makePrivateKey('x25519'), publicKey: publicKeyOf('x25519', recipient) });
    return true;
  } catch {
    return false; // It refuses such keys.
  }
}

/** Undefined where it was sealed to another key or context, or was changed. */
export function openSealedText(privateKey: KeyObject, sealed: SealedText, context: string): string | undefined {
  try {
    const shared = diffieHellman({ privateKey, publicKey: publicKeyOf('x25519', sealed.ephemeralKey) });
    const key = keyOf(shared, sealed.ephemeralKey, publicKeyText(privateKey));
    const bytes = Buffer.from(sealed.ciphertext, 'base64url');
    const nonce = Buffer.from(sealed.nonce, 'base64url');
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes });
    decipher.setAAD(Buffer.from(context)).setAuthTag(bytes.subarray(-tagBytes));
    return Buffer.concat([decipher.update(bytes.subarray(0, -tagBytes)), decipher.final()]).toString('utf8');
  } catch {
    return undefined; // Whatever is wrong with it, it cannot be opened.
  }
}

/** Both public keys are part of what the key is made from, so that a sealed text belongs to one pair. */
function keyOf(shared: Uint8Array, ephemeralKey: string, recipient: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', shared, '', `${purpose} ${ephemeralKey} ${recipient}`, 32));
}

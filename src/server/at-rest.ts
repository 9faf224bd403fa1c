import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { AppError } from '../contracts/errors.ts';

const nonceBytes = 12;
const tagBytes = 16;

/** AES-256-GCM; `context` is bound to it, so that a row cannot take another one's place. Nonce, ciphertext, tag. */
export function encryptAtRest(key: Uint8Array, text: string, context: string): Uint8Array {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(context));
  return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
}

/** `state-corrupt` where it was encrypted with another key, for another place, or was changed. */
export function decryptAtRest(key: Uint8Array, bytes: Uint8Array, context: string): string {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes });
    decipher.setAAD(Buffer.from(context)).setAuthTag(bytes.subarray(-tagBytes));
    return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()]).toString('utf8');
  } catch (cause) {
    throw new AppError('state-corrupt', `Cannot decrypt ${context}: it was encrypted with another key, or changed`, {
      cause,
      next: 'Restore at-rest.key and the database from the same backup, or declare the spec anew: agora host apply --again.',
    });
  }
}

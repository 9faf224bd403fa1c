import * as z from 'zod';

/** `h-` and 26 characters of lower-case base32, random: one per enrolled key. */
export const hostIdSchema = z
  .string()
  .regex(/^h-[a-z2-7]{26}$/, 'must be h- and 26 characters of a-z 2-7')
  .brand<'HostId'>();
export type HostId = z.infer<typeof hostIdSchema>;

/** What people call a host, unique on its server. */
export const hostNameSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    'must be 1 to 63 characters of A-Z a-z 0-9 . _ -, starting with a letter or digit',
  );

/**
 * Raw bytes of a key of RFC 8032 or RFC 7748, base64url without padding: 43 characters. The last one holds 4 bits of them and no others,
 * so that a key has one text.
 */
export const publicKeySchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, 'must be 32 bytes in base64url');

/** Of a public key: the first 80 bits of its sha256 in base32, in groups of four: `abcd-efgh-ijkl-mnop`. */
export const fingerprintSchema = z
  .string()
  .regex(/^[a-z2-7]{4}(-[a-z2-7]{4}){3}$/, 'must be four groups of four of a-z 2-7');

/** Stable for a machine: hex of an HMAC-SHA256 of its machine id. An identifier, never a proof. */
export const registrationTokenSchema = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hex characters');

export const userNameSchema = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$/, 'must be a user name');

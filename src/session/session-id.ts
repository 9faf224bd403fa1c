import { randomBytes } from 'node:crypto';

const base32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** What people call a session; knowing it gives nothing. */
export function newSessionId(): string {
  return `s-${[...randomBytes(10)].map((byte) => base32[byte & 31]).join('')}`;
}

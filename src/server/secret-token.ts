import { createHash, randomBytes } from 'node:crypto';

const secretBytes = 32;

export interface SecretToken {
  /** Shown once, and kept by nobody here. */
  readonly token: string;
  readonly tokenId: string;
  readonly digest: string;
}

/** 256 random bits behind a prefix. */
export function makeToken(prefix: string): SecretToken {
  const token = `${prefix}.${randomBytes(secretBytes).toString('base64url')}`;
  return { token, tokenId: `t-${randomBytes(8).toString('hex')}`, digest: digestOfToken(token) };
}

/** What it is looked up by, so that no comparison tells how much of it was right. */
export function digestOfToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

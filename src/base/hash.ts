import { createHash, hash } from 'node:crypto';

/** SHA-256 in lower-case hex; text is hashed as UTF-8. */
export function sha256Hex(content: Uint8Array | string): string {
  return hash('sha256', content, 'hex');
}

/** `sha256:<hex>`, the name of these bytes everywhere in the system. */
export function digestOf(content: Uint8Array | string): `sha256:${string}` {
  return `sha256:${sha256Hex(content)}`;
}

/** As `digestOf`, of bytes that arrive in chunks. */
export async function digestOfStream(chunks: AsyncIterable<Uint8Array>): Promise<`sha256:${string}`> {
  const hasher = createHash('sha256');
  for await (const chunk of chunks) hasher.update(chunk);
  return `sha256:${hasher.digest('hex')}`;
}

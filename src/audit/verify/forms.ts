import { matching } from './shape.ts';

/** The textual forms of the audit format. The product's contracts give the same rules to everything else. */
export const id = matching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, '1 to 128 characters of A-Z a-z 0-9 . _ -');
export const origin = matching(/^agora\/[0-9a-f]{32}$/, 'agora/ and 32 hex characters');
export const dispatchId = matching(/^d-[a-z2-7]{26}$/, 'd- and 26 characters of a-z 2-7');
export const digest = matching(/^sha256:[0-9a-f]{64}$/, 'sha256: and 64 hex characters');
export const treeHash = matching(/^[0-9a-f]{64}$/, '64 hex characters');
export const artifactRef = matching(
  /^agora:\/\/[A-Za-z0-9][A-Za-z0-9._-]{0,127}\/artifact\/d-[a-z2-7]{26}\/sha256:[0-9a-f]{64}$/,
  'agora://<namespace>/artifact/<dispatchId>/sha256:<hex>',
);
export const instant = matching(
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/,
  'a UTC time with milliseconds',
);

export function digestOfRef(ref: string): string {
  return ref.slice(ref.lastIndexOf('/') + 1);
}

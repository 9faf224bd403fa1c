import type { Tag } from '@aws-sdk/client-secrets-manager';

/** What a staged secret is tagged with. */
export const tagNames = { name: 'agora:name', stagedAt: 'agora:staged-at', expiresAt: 'agora:expires-at' } as const;

/** AWS takes no other characters in a tag, and no more than these. */
const notInTags = /[^\w .:/=+@-]/g;
const longestTag = 256;

export function tag(name: (typeof tagNames)[keyof typeof tagNames], value: string): Tag {
  return { Key: name, Value: value.replace(notInTags, '_').slice(0, longestTag) };
}

export function tagValue(tags: readonly Tag[] | undefined, name: string): string | undefined {
  return tags?.find(({ Key }) => Key === name)?.Value;
}

export function isPast(expiresAt: string | undefined): boolean {
  return expiresAt !== undefined && Date.parse(expiresAt) <= Date.now();
}

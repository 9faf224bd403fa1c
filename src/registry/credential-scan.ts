export interface FoundCredential {
  /** What it looks like, for a person. */
  readonly kind: string;
  /** Where, as a JSON path. Never the value itself. */
  readonly place: string;
}

const credentialPatterns: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ['an AWS access key id', /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/],
  ['a JSON web token', /\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/],
  ['a bearer token', /\bbearer\s+[A-Za-z0-9._~+/-]{16,}=*/i],
  ['a GitHub token', /\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})/],
  ['an Anthropic key', /\bsk-ant-[A-Za-z0-9_-]{16,}/],
  ['an OpenAI key', /\bsk-(?!ant-)(?:(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20,}|[A-Za-z0-9]{32,})/],
  ['a Google API key', /\bAIza[A-Za-z0-9_-]{35}/],
  ['a Slack token', /\bxox[abeoprs]-[A-Za-z0-9-]{10,}/],
  ['a Stripe key', /\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}/],
  ['a private key', /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----/],
];

/** Every string in a JSON value, keys included, that looks like a credential. */
export function findCredentials(value: unknown, place = ''): FoundCredential[] {
  if (typeof value === 'string') return scan(value, place);
  if (Array.isArray(value)) return value.flatMap((element, index) => findCredentials(element, `${place}[${index}]`));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) => {
    const inKey = scan(key, `a key of ${place === '' ? 'the top' : place}`);
    return [...inKey, ...(inKey.length > 0 ? [] : findCredentials(member, place === '' ? key : `${place}.${key}`))];
  });
}

function scan(text: string, place: string): FoundCredential[] {
  return credentialPatterns.filter(([, pattern]) => pattern.test(text)).map(([kind]) => ({ kind, place }));
}

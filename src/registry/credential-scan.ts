export interface FoundCredential {
  /** What it looks like, for a person. */
  readonly kind: string;
  /** Where, as a JSON path. Never the value itself. */
  readonly place: string;
}

export interface CredentialPattern {
  /** What it looks like, for a person. */
  readonly kind: string;
  readonly pattern: RegExp;
}

/**
 * Each finds the shortest text that is surely one, so that scanning is linear whatever the text. Words without a digit,
 * and the key of AWS's own manuals, are how documentation writes them.
 */
export const credentialPatterns: readonly CredentialPattern[] = [
  { kind: 'an AWS access key id', pattern: /\b(?:AKIA|ASIA)(?![A-Z0-9]{9}EXAMPLE\b)[A-Z0-9]{16}\b/g },
  {
    kind: 'a JSON web token',
    pattern: /\.(?=eyJ)(?<=\beyJ[A-Za-z0-9_-]{8,2048}\.)eyJ[A-Za-z0-9_-]{8,8192}\.[A-Za-z0-9_-]{8}/g,
  },
  { kind: 'a bearer token', pattern: /\bbearer[ \t]{1,8}(?=[A-Za-z._~+/-]{0,256}[0-9])[A-Za-z0-9._~+/-]{16}/gi },
  { kind: 'a GitHub token', pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40})/g },
  { kind: 'an Anthropic key', pattern: /\bsk-ant-[A-Za-z0-9_-]{16}/g },
  {
    kind: 'an OpenAI key',
    pattern: /\bsk-(?!ant-)(?:(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20}|[A-Za-z0-9]{32})/g,
  },
  { kind: 'a Google API key', pattern: /\bAIza[A-Za-z0-9_-]{35}/g },
  { kind: 'a Slack token', pattern: /\bxox[abeoprs]-[A-Za-z0-9-]{10}/g },
  { kind: 'a Stripe key', pattern: /\b[rs]k_(?:live|test)_[A-Za-z0-9]{16}/g },
  { kind: 'a private key', pattern: /-----BEGIN (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY-----/g },
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
  return credentialPatterns.filter(({ pattern }) => text.search(pattern) >= 0).map(({ kind }) => ({ kind, place }));
}

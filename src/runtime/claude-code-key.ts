import type { RuntimeFailure } from './runtime.ts';

export const apiKeyName = 'ANTHROPIC_API_KEY';
export const subscriptionTokenName = 'CLAUDE_CODE_OAUTH_TOKEN';

/** What pays for the model instead: a gateway's token, or another provider that has credentials of its own. */
const otherWays = [
  'ANTHROPIC_AUTH_TOKEN',
  'CLAUDE_CODE_USE_BEDROCK',
  'CLAUDE_CODE_USE_VERTEX',
  'CLAUDE_CODE_USE_FOUNDRY',
];

const howToGiveOne = `agora env register --name <name> --secret ${apiKeyName}=env:${apiKeyName}`;

/** Refuses an environment with no key, or with two that would bill different accounts. */
export function keyProblem(env: Readonly<Record<string, string>>): RuntimeFailure | undefined {
  const has = (name: string) => (env[name] ?? '') !== '';
  const [hasKey, hasToken] = [has(apiKeyName), has(subscriptionTokenName)];
  if (hasKey && hasToken) {
    const message = `Both ${apiKeyName} and ${subscriptionTokenName} are given: keep the one that is to pay, and leave out the other`;
    return { code: 'refused', message };
  }
  if (hasKey || hasToken || otherWays.some(has)) return undefined;
  const message = `Neither ${apiKeyName} nor ${subscriptionTokenName} is given; register one with \`${howToGiveOne}\` and name that env`;
  return { code: 'key-missing', message };
}

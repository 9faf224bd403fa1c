import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findCredentials } from './credential-scan.ts';

// Put together here so that no scanner of repositories takes the samples for the real thing.
const samples: Readonly<Record<string, string>> = {
  'an AWS access key id': `AKIA${'ABCD'.repeat(4)}`,
  'a JSON web token': ['eyJhbGciOiJIUzI1NiJ9', 'eyJzdWIiOiIxMjM0In0', 'c2lnbmF0dXJlLXNpZ25hdHVyZQ'].join('.'),
  'a bearer token': `Authorization: Bearer ${'a1'.repeat(12)}`,
  'a GitHub token': `ghp_${'a1'.repeat(18)}`,
  'an Anthropic key': `sk-ant-api03-${'a1'.repeat(12)}`,
  'an OpenAI key': `sk-proj-${'a1'.repeat(12)}`,
  'a Google API key': `AIza${'a1b2c'.repeat(7)}`,
  'a Slack token': `xoxb-${'1234567890'}-abc`,
  'a Stripe key': `sk_live_${'a1'.repeat(12)}`,
  'a private key': `-----BEGIN ${'EC'} PRIVATE KEY-----\nMHc`,
};

test('each kind of credential is found by its kind only, at its place', () => {
  for (const [kind, sample] of Object.entries(samples)) {
    const value = { command: ['run', `--key=${sample}`], env: { A: 'plain' } };

    assert.deepEqual(findCredentials(value), [{ kind, place: 'command[1]' }]);
  }
});

test('a credential used as a key is found without repeating it', () => {
  const [found] = findCredentials({ env: { [samples['a Stripe key'] ?? '']: 'x' } });

  assert.deepEqual(found, { kind: 'a Stripe key', place: 'a key of env' });
});

test('ordinary text is no credential', () => {
  const plain = [
    'task-skeleton-of-a-very-long-hyphenated-name',
    'sk-',
    'bearer of news',
    'AKIA',
    `sha256:${'a'.repeat(64)}`,
  ];

  assert.deepEqual(findCredentials({ command: plain, network: 'none', count: 3, nothing: null }), []);
});

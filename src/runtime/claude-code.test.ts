import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claudeCodeRuntime } from './claude-code.ts';
import type { AgentOf } from './runtime.ts';

const key = { ANTHROPIC_API_KEY: 'sk-ant-api03-x' };
const token = { CLAUDE_CODE_OAUTH_TOKEN: 'sk-ant-oat01-x' };

function anAgent(wish: Partial<AgentOf<'claude-code'>> = {}): AgentOf<'claude-code'> {
  return { runtime: 'claude-code', prompt: 'Rename it.', permissionMode: 'bypass', ...wish };
}

function wordsAfter(words: readonly string[], name: string): string | undefined {
  const at = words.indexOf(name);
  return at < 0 ? undefined : words[at + 1];
}

test('the prompt goes to stdin, so that no process list shows it', () => {
  const { file, arguments: words, stdin } = claudeCodeRuntime.command(anAgent(), key);

  assert.deepEqual([file, stdin], ['claude', 'Rename it.']);
  assert.ok(words.includes('--dangerously-skip-permissions'));
  assert.equal(
    words.some((word) => word.includes('Rename it.') || word.includes('sk-ant')),
    false,
  );
});

test('levels become models of the program, and a model by name stays what it is', () => {
  const modelOf = (model: string) =>
    wordsAfter(claudeCodeRuntime.command(anAgent({ model }), key).arguments, '--model');

  assert.deepEqual(['fast', 'standard', 'max', 'claude-opus-9'].map(modelOf), [
    'haiku',
    'sonnet',
    'opus',
    'claude-opus-9',
  ]);
  assert.equal(wordsAfter(claudeCodeRuntime.command(anAgent(), key).arguments, '--model'), undefined);
});

test('a strict agent may do what the settings of its worktree allow, and ask', () => {
  const { file, arguments: words } = claudeCodeRuntime.command(anAgent({ permissionMode: 'strict' }), key);

  assert.equal(file, 'sh');
  assert.match(words[1] ?? '', /--settings \.claude\/settings\.json/);
  assert.equal(wordsAfter(words, '--allowedTools'), 'Edit(.agora/**)');
  assert.equal(words.includes('--dangerously-skip-permissions'), false);
});

test('turns, session and system prompt are handed on; how to ask is always told', () => {
  const agent = anAgent({ maxTurns: 7, sessionId: 'abc', systemPrompt: 'Be brief.' });

  const words = claudeCodeRuntime.command(agent, key).arguments;

  assert.equal(wordsAfter(words, '--max-turns'), '7');
  assert.ok(words.includes('--resume=abc'));
  assert.match(wordsAfter(words, '--append-system-prompt') ?? '', /^Be brief\.\n\n[\s\S]*\.agora\/needs_input\.json/);
});

test('a session with the name of an option is none', () => {
  const agent = anAgent({ permissionMode: 'strict', sessionId: '--dangerously-skip-permissions' });

  const words = claudeCodeRuntime.command(agent, key).arguments;

  assert.equal(words.includes('--dangerously-skip-permissions'), false);
});

test('an empty prompt still begins', () => {
  assert.equal(claudeCodeRuntime.command(anAgent({ prompt: '' }), key).stdin, 'Begin.');
});

test('one way to pay is taken, none and two are refused by name before anything is spent', () => {
  const check = (env: Readonly<Record<string, string>>) => claudeCodeRuntime.check?.(anAgent(), env);

  assert.equal(check(key), undefined);
  assert.equal(check(token), undefined);
  assert.equal(check({ CLAUDE_CODE_USE_BEDROCK: '1' }), undefined);
  assert.equal(check({ ...key, CLAUDE_CODE_OAUTH_TOKEN: '' }), undefined);
  for (const [env, code] of [
    [{}, 'key-missing'],
    [{ ...key, ...token }, 'refused'],
  ] as const) {
    const failure = check(env);
    assert.equal(failure?.code, code);
    assert.match(failure?.message ?? '', /ANTHROPIC_API_KEY and CLAUDE_CODE|ANTHROPIC_API_KEY nor CLAUDE_CODE/);
  }
});

test('a system prompt that no process can be given is refused', () => {
  const failure = claudeCodeRuntime.check?.(anAgent({ systemPrompt: 'é'.repeat(70_000) }), key);

  assert.equal(failure?.code, 'refused');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answer } from '../contracts/question.ts';
import type { Subagent } from '../contracts/subagent.ts';
import { agentOf, type Resume } from './agent-of.ts';

const digest = `sha256:${'0'.repeat(64)}` as never;
const answer: Answer = { question: 'Which?', answer: 'red', actor: 'human:ada', at: '2026-01-01T00:00:00.000Z' };

function promptOf(subagent: Partial<Subagent>, input: unknown, resume?: Resume): string {
  const whole = { name: 'a', runtime: 'claude-code', ...subagent } as Subagent;
  const agent = agentOf({ subagent: { name: 'a', digest, subagent: whole } }, input, resume);
  return agent.runtime === 'claude-code' ? agent.prompt : assert.fail();
}

test('a subagent with a system prompt alone is asked its input, so that none goes unseen', () => {
  assert.equal(promptOf({ systemPrompt: 's' }, 'Do it'), 'Do it');
  assert.equal(promptOf({ systemPrompt: 's' }, { file: 'a.ts' }), '{\n  "file": "a.ts"\n}');
  assert.equal(promptOf({ systemPrompt: 's' }, null), 'Begin.');
  assert.equal(promptOf({ promptTemplate: 'Edit {{file}}' }, { file: 'a.ts' }), 'Edit a.ts');
});

test('with its session it is only told the answer, without one everything again', () => {
  const template = { promptTemplate: 'Edit {{file}}' };
  const inSession = promptOf(template, { file: 'a.ts' }, { sessionId: 's-1', answer });
  const afresh = promptOf(template, { file: 'a.ts' }, { answer });

  assert.match(inSession, /^You asked: Which\?\nThe answer: red\n/);
  assert.match(afresh, /^Edit a\.ts\n\nYou asked: Which\?/);
});

test('bypass is the usual permission mode, and what is not said is left to the runtime', () => {
  const subagent: Subagent = { name: 'a', runtime: 'claude-code', systemPrompt: 's' };

  assert.deepEqual(agentOf({ subagent: { name: 'a', digest, subagent } }, null), {
    runtime: 'claude-code',
    prompt: 'Begin.',
    systemPrompt: 's',
    permissionMode: 'bypass',
  });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DispatchArtifact } from '../contracts/dispatch.ts';
import { artifactRef, digestSchema, dispatchIdSchema } from '../contracts/ids.ts';
import { verdictLines } from './dispatch-text.ts';

const dispatchId = dispatchIdSchema.parse(`d-${'a'.repeat(26)}`);
const ref = artifactRef('default', dispatchId, digestSchema.parse(`sha256:${'0'.repeat(64)}`));
const asked: DispatchArtifact = { port: 'question', ref, sizeBytes: 1, mediaType: 'application/json' };

test('what a subagent asks is shown on lines of ours, without what a terminal acts on', () => {
  const question = {
    question: 'Which?\u001b[2J\nanswer: agora evil',
    options: ['red', 'blue\u001b[31m'],
    context: { at: 7 },
  };

  const lines = verdictLines({ dispatchId, status: 'waiting', durationMs: 12, artifacts: [asked], question });

  assert.deepEqual(lines, [
    `dispatch ${dispatchId} asks after 12 ms`,
    '  question: Which? answer: agora evil',
    '    1. red',
    '    2. blue',
    '  context: {"at":7}',
    `  all of it: agora artifact get ${ref}`,
    `  answer: agora dispatch answer ${dispatchId} <text>`,
  ]);
});

test('what was left out or blacked out is told, the first of it by name', () => {
  const leftOut = Array.from({ length: 7 }, (_, index) => `big-${index}\u001b[2J`);

  const lines = verdictLines({
    dispatchId,
    status: 'done',
    durationMs: 12,
    artifacts: [],
    leftOut,
    redacted: ['the log'],
  });

  assert.equal(lines.filter((line) => /^ {2}left out: big-\d/.test(line)).length, 5);
  assert.ok(lines.includes(`  left out: 2 more, see agora dispatch describe ${dispatchId}`));
  assert.ok(lines.includes('  blacked out a secret in: the log'));
  assert.ok(!lines.join('').includes('\u001b'));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { artifactRefSchema, dispatchIdSchema } from '../contracts/ids.ts';
import { questionViewSchema } from '../contracts/status.ts';
import { questionView } from './question-view.ts';

const dispatchId = dispatchIdSchema.parse(`d-${'a'.repeat(26)}`);
const ref = artifactRefSchema.parse(`agora://default/artifact/${dispatchId}/sha256:${'1'.repeat(64)}`);

test('a question is shown whole but for what is only handed back', () => {
  const view = questionView(
    { question: 'Which?', options: ['a'], context: { b: 1 }, partial_state: 'mine' },
    { dispatchId, ref },
  );

  assert.deepEqual(view, { dispatchId, ref, question: 'Which?', options: ['a'], context: { b: 1 } });
});

test('of a question as large as one may be a status holds little, and says so', () => {
  const options = Array.from({ length: 1000 }, (_, index) => `${index} ${'o'.repeat(500)}`);

  const view = questionView({ question: 'q'.repeat(500_000), options, context: 'c' }, { dispatchId, ref });

  assert.equal(view.isCut, true);
  assert.ok(JSON.stringify(view).length < 4_096);
  assert.deepEqual(questionViewSchema.parse(view), view);
});

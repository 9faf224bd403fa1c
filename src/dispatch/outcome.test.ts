import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aTaskResult } from '../../test/support/a-task-result.ts';
import { randomDispatchId } from './dispatch-id.ts';
import { outcomeOf } from './outcome.ts';

test('times and cost are recorded as somebody reads them', () => {
  const dispatchId = randomDispatchId();
  const block = { kind: 'agent', passed: true, exitCode: 0, durationMs: 20.133041000000006 } as const;
  const usage = { models: ['m'], inputTokens: 1, outputTokens: 2, cacheReadTokens: 0, cacheWriteTokens: 0 };
  const result = aTaskResult({
    dispatchId,
    blocks: [block],
    usage: { ...usage, costUsd: 0.30000000000000004 },
    timings: { receiveMs: 3.14999, prepareMs: 1, setupMs: 0, runMs: 37.84031799999998, captureMs: 0.04 },
  });
  const nothing = { patch: undefined, log: undefined, question: undefined, session: undefined };
  const collected = { ...nothing, result, outputs: [], shells: [], isTooLarge: false };

  const {
    durationMs,
    blocks,
    timings,
    usage: used,
  } = outcomeOf({ namespace: 'default', dispatchId }, { outcome: 'done', durationMs: 969.4946460000001, collected });

  assert.equal(durationMs, 969.5);
  assert.deepEqual(blocks, [{ ...block, durationMs: 20.1 }]);
  assert.deepEqual(timings, { receiveMs: 3.1, prepareMs: 1, setupMs: 0, runMs: 37.8, captureMs: 0 });
  assert.deepEqual(used, { ...usage, costUsd: 0.3 });
});

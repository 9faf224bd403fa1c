import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aTaskResult } from '../../test/support/a-task-result.ts';
import type { TaskResult } from '../contracts/task.ts';
import type { Collected } from './collect.ts';
import { randomDispatchId } from './dispatch-id.ts';
import { type EndedTask, resultOf } from './result.ts';

const dispatchId = randomDispatchId();

function left(outcome: TaskResult['outcome']): Collected {
  const result = aTaskResult({ dispatchId, outcome, exitCode: outcome === 'done' ? 0 : null });
  const nothing = { patch: undefined, log: undefined, question: undefined, session: undefined };
  return { ...nothing, result, outputs: [], shells: [], isTooLarge: false };
}

function ended(more: Partial<EndedTask>): EndedTask {
  const limits = { cpus: 1, memoryMb: 64, pids: 10, diskMb: 10, outputBytes: 1_000, timeoutSeconds: 60 };
  const handle = { dispatchId, owner: { deploymentId: 'x' as never }, providerId: 'c', image: 'i' };
  const exit = { kind: 'exited', exitCode: 0, isOutOfMemory: false } as const;
  return { handle, limits, exit, endedBy: undefined, left: left('done'), durationMs: 1, ...more };
}

test('work that ended while nobody could look counts, however late that is seen', () => {
  const seenLate = resultOf(ended({ endedBy: 'backstop' }));
  const stillRan = resultOf(ended({ endedBy: 'backstop', left: left('stopped') }));
  const leftNothing = resultOf(ended({ endedBy: 'backstop', left: undefined }));

  assert.deepEqual([seenLate.outcome, seenLate.exitCode], ['done', 0]);
  assert.deepEqual([stillRan.outcome, stillRan.code], ['failed', 'timeout']);
  assert.deepEqual([leftNothing.outcome, leftNothing.code], ['failed', 'timeout']);
});

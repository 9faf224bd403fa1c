import { dispatchIdSchema } from '../../src/contracts/ids.ts';
import type { TaskResult } from '../../src/contracts/task.ts';

/** Of a task that was done and changed nothing. */
export function aTaskResult(changes: Partial<TaskResult> = {}): TaskResult {
  return {
    dispatchId: dispatchIdSchema.parse(`d-${'a'.repeat(26)}`),
    outcome: 'done',
    exitCode: 0,
    signal: null,
    patchBytes: 0,
    outputs: [],
    leftOut: [],
    redacted: [],
    blocks: [],
    timings: { receiveMs: 1, prepareMs: 1, setupMs: 0, runMs: 1, captureMs: 1 },
    ...changes,
  };
}

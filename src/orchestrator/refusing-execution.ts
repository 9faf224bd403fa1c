import type { FailureCode } from '../contracts/run.ts';
import type { AttemptRequest, ExecutorRun, RunExecution } from './executor.ts';
import { baseManifest } from './manifest.ts';

/** Stands in when a run's items cannot run at all: every attempt is recorded and fails with the reason. */
export function refusingExecution(run: ExecutorRun, code: FailureCode, message: string): RunExecution {
  return {
    manifest: (request: AttemptRequest) => baseManifest(run, request),
    execute: async () => ({
      outcome: { outcome: 'failed', code, message: message.slice(0, 1024), durationMs: 0, artifacts: [] },
    }),
  };
}

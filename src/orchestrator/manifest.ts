import type { Manifest } from '../contracts/manifest.ts';
import type { TaskLimits } from '../contracts/task.ts';
import type { AttemptRequest, ExecutorRun } from './executor.ts';

/** What every manifest says, whatever the executor. */
export function baseManifest(run: ExecutorRun, request: AttemptRequest): Manifest {
  return {
    format: 'agora/manifest/v1',
    runId: run.runId,
    itemId: request.item.id,
    attempt: request.attempt,
    dispatchId: request.dispatchId,
    executor: request.item.executor,
    actor: run.actor,
    locks: [...new Set(request.item.resourceLocks)].sort(),
    ...(request.resume === undefined ? {} : { resume: request.resume }),
  };
}

/** Limits as integers, which the audit format asks for. */
export function manifestLimits(limits: TaskLimits) {
  return {
    cpusMilli: Math.round(limits.cpus * 1000),
    memoryMb: limits.memoryMb,
    pids: limits.pids,
    diskMb: limits.diskMb,
    outputBytes: limits.outputBytes,
    timeoutMs: Math.round(limits.timeoutSeconds * 1000),
  };
}

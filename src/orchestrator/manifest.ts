import type { Manifest } from '../contracts/manifest.ts';
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

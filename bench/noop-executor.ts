import type { Executor, RunExecution } from '../src/orchestrator/executor.ts';
import { baseManifest } from '../src/orchestrator/manifest.ts';

/** Ends every attempt at once: what is measured is the orchestrator alone. */
export function noopExecutor(onFinished: (itemId: string) => void = () => undefined): Executor {
  return {
    describe: async () => 'no-op',
    open: async (run): Promise<RunExecution> => ({
      manifest: (request) => baseManifest(run, request),
      execute: async (request) => {
        onFinished(request.item.id);
        return { outcome: { outcome: 'done', exitCode: 0, durationMs: 0, artifacts: [] } };
      },
    }),
    sweep: async () => undefined,
    close: async () => undefined,
  };
}

import { workerEnvironmentNames } from '../contracts/names.ts';
import type { TaskSpec } from '../contracts/task.ts';
import type { WorkerPlace } from '../contracts/worker-place.ts';

/** Everything a subagent finds in its environment; nothing of the supervisor's own comes along. */
export function subagentEnvironment(
  place: WorkerPlace,
  spec: TaskSpec,
  added: Readonly<Record<string, string>>,
): Record<string, string> {
  return {
    PATH: place.path,
    HOME: place.view.home,
    LANG: 'C.UTF-8',
    TERM: 'dumb',
    ...spec.env,
    ...added,
    [workerEnvironmentNames.input]: place.view.input,
    [workerEnvironmentNames.outputDirectory]: place.view.outputs,
    [workerEnvironmentNames.dispatchId]: spec.dispatchId,
  };
}

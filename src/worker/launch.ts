import type { WorkerPlace } from '../contracts/worker-place.ts';
import { launchDirectly } from './launch-directly.ts';
import { launchSandboxed } from './launch-sandboxed.ts';
import type { Subagent, SubagentProgram } from './subagent.ts';

/** Starts the subagent in a session of its own, with nothing of the supervisor's but its two output pipes. */
export function launchSubagent(place: WorkerPlace, program: SubagentProgram): Subagent {
  return place.sandbox ? launchSandboxed(place, place.sandbox, program) : launchDirectly(place, program);
}

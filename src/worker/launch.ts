import { AppError } from '../contracts/errors.ts';
import { isProcessText } from '../contracts/process-text.ts';
import type { WorkerPlace } from '../contracts/worker-place.ts';
import { launchDirectly } from './launch-directly.ts';
import { launchSandboxed } from './launch-sandboxed.ts';
import type { Subagent, SubagentProgram } from './subagent.ts';

/**
 * Starts the subagent in a session of its own, with nothing of the supervisor's but its two output pipes. Throws when
 * it cannot be given its command or environment; nothing runs then.
 */
export function launchSubagent(place: WorkerPlace, program: SubagentProgram): Subagent {
  const texts = [...program.command, ...Object.entries(program.env).flat()];
  if (!texts.every(isProcessText)) {
    throw new AppError('invalid-input', 'Cannot start the command: its arguments or environment hold a NUL');
  }
  return place.sandbox ? launchSandboxed(place, place.sandbox, program) : launchDirectly(place, program);
}

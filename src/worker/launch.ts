import { AppError } from '../contracts/errors.ts';
import { isProcessText } from '../contracts/nul-character.ts';
import type { WorkerPlace } from '../contracts/worker-place.ts';
import { launchDirectly } from './launch-directly.ts';
import { launchSandboxed } from './launch-sandboxed.ts';
import type { Subagent, SubagentProgram } from './subagent.ts';

/** What Linux allows one argument or variable, its end included. */
const longestTextBytes = 128 * 1024;

/**
 * Starts the subagent in a session of its own, with nothing of the supervisor's but its two output pipes. Throws when
 * it cannot be given its command or environment; nothing runs then.
 */
export function launchSubagent(place: WorkerPlace, program: SubagentProgram): Subagent {
  const texts = [...program.command, ...Object.entries(program.env).flat()];
  if (!texts.every(isProcessText)) {
    throw new AppError('invalid-input', 'Cannot start the command: its arguments or environment hold a NUL');
  }
  const given = [...program.command, ...Object.entries(program.env).map(([name, value]) => `${name}=${value}`)];
  if (given.some((text) => Buffer.byteLength(text) >= longestTextBytes)) {
    // Inside a sandbox the same would end bubblewrap without a reason that can be told.
    throw Object.assign(new Error('Cannot start the command: an argument or variable is too long'), { code: 'E2BIG' });
  }
  return place.sandbox ? launchSandboxed(place, place.sandbox, program) : launchDirectly(place, program);
}

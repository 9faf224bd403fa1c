import type { RuntimeName } from '../contracts/subagent.ts';
import { claudeCodeRuntime } from '../runtime/claude-code.ts';
import { commandRuntime } from '../runtime/command.ts';
import type { Runtime } from '../runtime/runtime.ts';

/** Every runtime a worker can drive a subagent with. */
export const runtimes: Readonly<Record<RuntimeName, Runtime>> = {
  command: commandRuntime,
  'claude-code': claudeCodeRuntime,
};

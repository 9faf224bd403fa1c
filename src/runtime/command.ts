import type { Runtime } from './runtime.ts';

/** Runs the subagent's own command, whose templates the daemon has filled in, in the worktree. */
export const commandRuntime: Runtime = {
  name: 'command',
  command: (spec) => ({ file: spec.command[0] ?? '', arguments: spec.command.slice(1), env: {} }),
};

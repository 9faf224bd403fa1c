import type { AgentOf, Runtime } from './runtime.ts';

/** Runs the subagent's own command, whose templates the daemon has filled in, in the worktree. */
export const commandRuntime: Runtime = {
  name: 'command',
  command: ({ command }: AgentOf<'command'>) => ({ file: command[0] ?? '', arguments: command.slice(1), env: {} }),
};

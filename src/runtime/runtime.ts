import type { TaskSpec } from '../contracts/task.ts';

/** What the supervisor executes on behalf of a runtime, as the subagent's user. */
export interface RuntimeCommand {
  readonly file: string;
  readonly arguments: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Drives a subagent inside a worker: says what to execute for a task. */
export interface Runtime {
  readonly name: TaskSpec['runtime'];
  command(spec: TaskSpec): RuntimeCommand;
}

import type { Project } from './project.ts';

export interface TypedCommand {
  readonly command: string;
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const mark = '@@typed';

/**
 * Types commands into one bash with job control, as printed in a tutorial. What a background job says lands with the
 * command that was typed last, as it does in a terminal.
 */
export async function typed(project: Project, commands: readonly string[]): Promise<readonly TypedCommand[]> {
  const lines = commands.flatMap((command) => [command, `code=$?; echo "${mark} $code"; echo "${mark} $code" >&2`]);
  // Only ends once every job has: what was typed must have ended it.
  const { stdout, stderr } = await project.shell([...lines, 'wait'].join('\n'));
  const [outputs, talks] = [stdout, stderr].map((text) => text.split(new RegExp(`^${mark} (\\d+)\n`, 'm')));
  return commands.map((command, index) => ({
    command,
    code: Number(outputs?.[index * 2 + 1]),
    stdout: outputs?.[index * 2] ?? '',
    stderr: talks?.[index * 2] ?? '',
  }));
}

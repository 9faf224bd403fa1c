import type { PlannedChange } from '../registry/registrations.ts';
import type { CommandContext } from './command.ts';
import { say } from './output.ts';

export const dryRunOption = { type: 'boolean', summary: 'Only say what would change' } as const;

/** What is about to change: a JSON line each as data. */
export async function printChanges(changes: readonly PlannedChange[], { stdout }: Pick<CommandContext, 'stdout'>) {
  for (const { action, type, name, digest } of changes) {
    await say(stdout, JSON.stringify({ action, type, name, digest }));
  }
}

/** The same for a person, a line each; the digests are in the data. */
export async function sayChanges(changes: readonly PlannedChange[], { stderr }: Pick<CommandContext, 'stderr'>) {
  for (const { action, type, name } of changes) {
    await say(stderr, `  ${action.padEnd(9)}  ${type.padEnd(10)}  ${name}`);
  }
}

/** `2 created, 1 unchanged` */
export function sumOf(changes: readonly PlannedChange[]): string {
  const counts = (['create', 'update', 'unchanged'] as const).flatMap((action) => {
    const count = changes.filter((change) => change.action === action).length;
    return count === 0 ? [] : [`${count} ${action === 'unchanged' ? action : `${action}d`}`];
  });
  return counts.join(', ') || 'nothing to register';
}

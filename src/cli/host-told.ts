import type { Change, HostPlan } from '../contracts/host-change.ts';
import { problemLine, stepLine } from './change-text.ts';
import type { CommandContext } from './command.ts';
import { jsonText } from './json-text.ts';
import { say } from './output.ts';
import { sayWrapped } from './wrap-line.ts';

export interface Declared {
  readonly change: Change;
  readonly plan: HostPlan;
  readonly isNew: boolean;
}

/** More would be scrolled past. */
const mostSteps = 20;

/** What a spec that was declared leads to, and the number of its revision. */
export async function tellDeclared(
  { change, plan, isNew }: Declared,
  isJson: boolean,
  { stdout, stderr }: Pick<CommandContext, 'stdout' | 'stderr'>,
): Promise<void> {
  for (const step of plan.steps.slice(0, mostSteps)) await sayWrapped(stderr, `  ${stepLine(step)}`);
  const more = plan.steps.length - mostSteps;
  if (more > 0) await say(stderr, `  … and ${more} more: agora host plan shows them`);
  for (const problem of plan.problems) await sayWrapped(stderr, `agora: ${problemLine(problem)}`);
  if (!isNew) await say(stderr, `agora: unchanged: revision ${change.revision} declares just this`);
  await say(stdout, isJson ? jsonText({ change, plan, isNew }, 2) : String(change.revision));
}

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

/** What a spec that was declared leads to, and the number of its revision. */
export async function tellDeclared(
  { change, plan, isNew }: Declared,
  isJson: boolean,
  { stdout, stderr }: Pick<CommandContext, 'stdout' | 'stderr'>,
): Promise<void> {
  for (const step of plan.steps) await sayWrapped(stderr, `  ${stepLine(step)}`);
  for (const problem of plan.problems) await sayWrapped(stderr, `agora: ${problemLine(problem)}`);
  if (!isNew) await say(stderr, `agora: unchanged: revision ${change.revision} declares just this`);
  await say(stdout, isJson ? jsonText({ change, plan, isNew }, 2) : String(change.revision));
}

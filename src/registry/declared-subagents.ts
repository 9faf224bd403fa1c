import { AppError } from '../contracts/errors.ts';
import { type Subagent, type SubagentInput, subagentFields, subagentSchema } from '../contracts/subagent.ts';
import { schemaProblems } from './schema-problems.ts';

/** Checks subagents as a config writes them, where the key is the name. */
export function subagentsOf(written: Readonly<Record<string, SubagentInput>>): Record<string, Subagent> {
  const subagents: Record<string, Subagent> = {};
  for (const [name, subagent] of Object.entries(written)) {
    const parsed = subagentSchema.safeParse({ ...subagent, name });
    if (!parsed.success) {
      const problems = schemaProblems(parsed.error, Object.keys(subagentFields.shape));
      // The unknown key is usually the missing one, misspelt.
      const problem = problems.find(({ message }) => message.startsWith('unknown key')) ?? problems[0];
      const reason = `"${problem?.path}" ${problem?.message}`;
      throw new AppError('invalid-config', `Cannot use subagent "${name}" of the config: ${reason}`);
    }
    subagents[name] = parsed.data;
  }
  return subagents;
}

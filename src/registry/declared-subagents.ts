import { schemaWords } from '../base/schema-words.ts';
import { AppError } from '../contracts/errors.ts';
import { type Subagent, type SubagentInput, subagentFields, subagentSchema } from '../contracts/subagent.ts';
import { findCredentials } from './credential-scan.ts';
import { schemaProblems } from './schema-problems.ts';
import { templateProblems } from './subagents.ts';

/** Checks subagents as a config writes them, where the key is the name. */
export function subagentsOf(written: Readonly<Record<string, SubagentInput>>): Record<string, Subagent> {
  const subagents: Record<string, Subagent> = {};
  for (const [name, subagent] of Object.entries(written)) {
    const parsed = subagentSchema.safeParse({ ...subagent, name }, { error: schemaWords });
    if (!parsed.success) {
      const problems = schemaProblems(parsed.error, Object.keys(subagentFields.shape));
      // The unknown key is usually the missing one, misspelt.
      const problem = problems.find(({ message }) => message.startsWith('unknown key')) ?? problems[0];
      throw unusable(name, `"${problem?.path}" ${problem?.message}`);
    }
    const [template] = templateProblems(parsed.data);
    if (template !== undefined) throw unusable(name, `"${template.path}" ${template.message}`);
    const [credential] = findCredentials(parsed.data);
    if (credential !== undefined) {
      const next = 'Give it as a secret: what a subagent is, is stored and recorded in clear.';
      throw unusable(name, `${credential.place} looks like ${credential.kind}`, next);
    }
    subagents[name] = parsed.data;
  }
  return subagents;
}

function unusable(name: string, state: string, next?: string): AppError {
  const message = `Cannot use subagent "${name}" of the config: ${state}`;
  return new AppError('invalid-config', message, next === undefined ? {} : { next });
}

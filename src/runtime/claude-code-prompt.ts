import { workerEnvironmentNames, worktreeNames } from '../contracts/names.ts';

const { folder, question, answer } = worktreeNames;

/** What every agent is told of the place it works in, after its own system prompt. */
export const howToAsk = `# Working here
You work alone, without a person at the terminal. The working directory holds the files to change; what you change there is kept as a patch.
- Files handed to you, if any, are in inputs/. They are not part of the patch.
- Files that are a result of their own, and no change of the project, go into the directory that $${workerEnvironmentNames.outputDirectory} names.
- If you cannot go on without a decision of a person, write ${folder}/${question}: a JSON object with "question" (text), and if it helps "options" (list of texts), "context" (what the person must know) and "partial_state" (anything you want handed back). Then end your turn at once. Do not ask in any other way: nobody reads it.
- If ${folder}/${answer} exists, it answers the question that you asked before: it has "question", "answer" and your "partial_state". What you had done then is still in place.`;

import { schemaWords } from '../base/schema-words.ts';
import { parseStrictJson, StrictJsonError } from '../base/strict-json.ts';
import { type Problem, type Submission, submissionSchema } from '../contracts/mailbox.ts';
import { limits } from '../contracts/names.ts';

/** A plan and the envelope around it. */
export const mostSubmissionBytes = limits.planBytes + 1024 * 1024;

export type SubmissionReading =
  | { readonly kind: 'submission'; readonly submission: Submission }
  | { readonly kind: 'no-json' | 'no-submission'; readonly problems: readonly Problem[] };

/** Reads a message of the inbox, which anyone may have put there. Paths are those in the plan. */
export function readSubmission(text: string): SubmissionReading {
  try {
    const value = parseStrictJson(text, {
      maxBytes: mostSubmissionBytes,
      maxDepth: limits.planDepth + 1,
      maxStringBytes: limits.planStringBytes,
      numbers: 'double',
    });
    const parsed = submissionSchema.safeParse(value, { error: schemaWords });
    if (parsed.success) return { kind: 'submission', submission: parsed.data };
    const problems = parsed.error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message }));
    return { kind: 'no-submission', problems };
  } catch (error) {
    if (!(error instanceof StrictJsonError)) throw error;
    const message = `${error.message} (line ${error.line}, column ${error.column} of the submission)`;
    return { kind: 'no-json', problems: [{ path: error.path.replace(/^plan\.?/, ''), message }] };
  }
}

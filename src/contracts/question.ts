import * as z from 'zod';

/** How large a question may be, as JSON. */
export const questionBytes = 1024 * 1024;

/** What a subagent writes to `.agora/needs_input.json` before it ends with 0, when it cannot go on alone. */
export const questionSchema = z.strictObject({
  question: z.string().min(1),
  options: z.array(z.string()).optional(),
  context: z.json().optional(),
  /** Handed back with the answer, untouched. */
  partial_state: z.json().optional(),
});
export type Question = z.infer<typeof questionSchema>;

/** What it finds in `.agora/answer.json` when it goes on. */
export const answerSchema = z.strictObject({
  question: z.string(),
  answer: z.json(),
  partial_state: z.json().optional(),
  actor: z.string(),
  at: z.iso.datetime(),
});
export type Answer = z.infer<typeof answerSchema>;

import * as z from 'zod';
import type { Control } from '../contracts/mailbox.ts';
import { type Answer, questionSchema } from '../contracts/question.ts';

const givenSchema = z.strictObject({ answer: z.json(), actor: z.string(), at: z.iso.datetime() });

/** An answer as it is stored: who said what, and when. */
export function answerText({ answer, actor, at }: Extract<Control, { kind: 'answer' }>): string {
  return JSON.stringify({ answer, actor, at });
}

/** What the attempt that goes on is handed, from the stored question and the stored answer to it. */
export function answerFrom(questionText: string, givenText: string): Answer {
  const { question, partial_state } = questionSchema.parse(JSON.parse(questionText));
  const given = givenSchema.parse(JSON.parse(givenText));
  return { question, ...given, ...(partial_state === undefined ? {} : { partial_state }) };
}

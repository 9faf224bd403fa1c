import type { ArtifactRef, DispatchId } from '../contracts/ids.ts';
import type { Question } from '../contracts/question.ts';
import type { QuestionView } from '../contracts/status.ts';

/** A status is written whole each time something changes: of a long question it holds the beginning. */
const most = { jsonLength: 4_096, questionLength: 1_000, options: 20, optionLength: 100 } as const;

/** A question as statuses show it. */
export function questionView(
  { question, options, context }: Question,
  from: { readonly dispatchId: DispatchId; readonly ref: ArtifactRef },
): QuestionView {
  const whole = {
    ...from,
    question,
    ...(options === undefined ? {} : { options }),
    ...(context === undefined ? {} : { context }),
  };
  if (JSON.stringify(whole).length <= most.jsonLength) return whole;
  return {
    ...from,
    question: cut(question, most.questionLength),
    ...(options === undefined
      ? {}
      : { options: options.slice(0, most.options).map((option) => cut(option, most.optionLength)) }),
    isCut: true,
  };
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length)}…`;
}

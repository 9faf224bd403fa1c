import type { RecordedArtifact } from './record.ts';
import { type ItemState, itemOf, listArtifacts, type RecordOf, type RunState, refused } from './replay-state.ts';

/** An attempt ended with a question: its item waits. */
export function askQuestion(item: ItemState, record: RecordOf<'item.result'>): void {
  const refOf = (port: RecordedArtifact['port']) =>
    record.body.artifacts.find((artifact) => artifact.port === port)?.ref;
  const question = refOf('question');
  if (question === undefined) throw refused(record, `lets "${record.item}" wait without a question`);
  item.status = 'waiting';
  item.reason = undefined;
  item.inquiry = {
    question,
    partialPatch: refOf('patch'),
    session: refOf('session'),
    isHumanTouched: item.isHumanTouched,
    answer: undefined,
  };
}

/** Somebody answered what an item waits for: it may start again. */
export function takeAnswer(state: RunState, record: RecordOf<'item.answered'>): void {
  const item = itemOf(state, record);
  const { inquiry } = item;
  if (item.status !== 'waiting' || inquiry === undefined || item.attempt !== record.attempt) {
    throw refused(record, `answers attempt ${record.attempt} of "${record.item}", which is not one that waits`);
  }
  if (record.body.answer.port !== 'answer') throw refused(record, 'names an artifact that is no answer');
  if (!inquiry.question.includes(`/artifact/${record.body.dispatchId}/`)) {
    throw refused(record, `answers dispatch "${record.body.dispatchId}", which did not ask`);
  }
  listArtifacts(state, record);
  inquiry.answer = record.body.answer.ref;
  item.status = 'ready';
}

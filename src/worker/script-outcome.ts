import type { FailureCode } from '../contracts/run.ts';
import type { TaskLimits } from '../contracts/task.ts';
import { failedWith, type Outcome, outcomeOf } from './outcome.ts';
import type { ProgramEnd } from './run-program.ts';
import { launchState } from './stage-failure.ts';

interface ScriptJudgement {
  readonly limits: TaskLimits;
  /** What it is called in a message. */
  readonly subject: string;
  /** How long it had by itself. */
  readonly ownSeconds: number;
  /** What it means that it did not pass. */
  readonly failure: FailureCode;
}

/** What a setup or gate script's end means for the dispatch; undefined when it passed. */
export function scriptFailure(end: ProgramEnd, judgement: ScriptJudgement): Outcome | undefined {
  const { limits, subject, ownSeconds, failure } = judgement;
  if (end.kind === 'not-launched') {
    return failedWith({ exitCode: null, signal: null })(failure, `${subject} ${launchState(end.error)}`);
  }
  const { evidence } = end;
  if (evidence.ending === 'own-timeout') {
    return failedWith(evidence.exit)(failure, `${subject} ran longer than ${ownSeconds} s`);
  }
  const outcome = outcomeOf(evidence, limits, subject);
  if (outcome.outcome === 'done') return undefined;
  return outcome.failure === 'exit-nonzero' ? { ...outcome, failure } : outcome;
}

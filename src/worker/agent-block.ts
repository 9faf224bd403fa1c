import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { outNames, worktreeNames } from '../contracts/names.ts';
import type { TaskResult } from '../contracts/task.ts';
import type { Runtime, RuntimeConclusion, RuntimeReader } from '../runtime/runtime.ts';
import { clearQuestion } from './agora-folder.ts';
import { complain, type Job } from './job.ts';
import { failedWith, type Outcome, outcomeOf } from './outcome.ts';
import { findQuestion } from './question.ts';
import { type ProgramEnd, runProgram } from './run-program.ts';
import { runtimes } from './runtimes.ts';
import { keepSession } from './session.ts';
import { launchFailure } from './stage-failure.ts';
import { subagentEnvironment } from './subagent-environment.ts';

/** What a run of the subagent came to. */
export interface AgentEnd extends Pick<TaskResult, 'usage' | 'summary' | 'sessionId'> {
  readonly outcome: Outcome;
  /** What was left out of what it left, and why, one line each. */
  readonly leftOut?: readonly string[];
}

const summaryCharacters = 16_384;
const messageCharacters = 1024;

/** Runs the subagent through its runtime, and hears what it has to say or to ask. */
export async function runAgent(job: Job): Promise<AgentEnd> {
  const { place, spec, secrets } = job;
  const runtime = runtimes[spec.agent.runtime];
  const env = subagentEnvironment(place, spec, secrets);
  const refusal = runtime.check?.(spec.agent, env);
  if (refusal) return { outcome: failedWith({ exitCode: null, signal: null })(refusal.code, refusal.message) };

  clearQuestion(place);
  const command = runtime.command(spec.agent, env);
  const reader = runtime.reader?.();
  const end = await runProgram(job, {
    command: [command.file, ...command.arguments],
    env: subagentEnvironment(place, spec, { ...secrets, ...command.env }),
    stdin: command.stdin,
    reader,
  });
  const conclusion = concludeOf(job, reader, end);
  const outcome = judge(job, { end, conclusion, program: reader && command.file });
  const told = { ...(conclusion.usage && { usage: conclusion.usage }), ...summaryOf(job, conclusion) };
  return { ...told, ...(await hearQuestion(job, { outcome, runtime, conclusion })) };
}

interface Ended {
  readonly end: ProgramEnd;
  readonly conclusion: RuntimeConclusion;
  /** The program of a runtime that drives a model. */
  readonly program: string | undefined;
}

/** A runtime knows better why it failed than its exit code says, but not why it was ended. */
function judge({ spec, redactor }: Job, { end, conclusion, program }: Ended): Outcome {
  if (end.kind === 'not-launched') return launchFailure(end.error);
  const { exit } = end.evidence;
  const outcome = outcomeOf(end.evidence, spec.limits);
  if (outcome.outcome !== 'done' && outcome.failure !== 'exit-nonzero') return outcome;
  const failed = failedWith(exit);
  if (conclusion.failure) {
    return failed(conclusion.failure.code, redactor.text(conclusion.failure.message).slice(0, messageCharacters));
  }
  const isMissing = exit.startError === 'ENOENT' || exit.exitCode === 127;
  if (program !== undefined && isMissing) {
    return failed('runtime-missing', `The program of runtime "${spec.agent.runtime}" was not found in the worker`);
  }
  return outcome;
}

function concludeOf({ redactor }: Job, reader: RuntimeReader | undefined, end: ProgramEnd): RuntimeConclusion {
  if (reader === undefined || end.kind === 'not-launched') return {};
  const { exitCode, startError } = end.evidence.exit;
  try {
    return reader.conclude({ exitCode, ...(startError !== undefined && { startError }) });
  } catch (error) {
    complain(redactor, 'understand the runtime', error);
    return {};
  }
}

function summaryOf({ redactor }: Job, { summary }: RuntimeConclusion): Pick<TaskResult, 'summary'> {
  return summary === undefined ? {} : { summary: redactor.text(summary).slice(0, summaryCharacters) };
}

interface Heard {
  readonly outcome: Outcome;
  readonly runtime: Runtime;
  readonly conclusion: RuntimeConclusion;
}

/** A subagent that ended well may have left a question, which is kept together with the session that it can go on with. */
async function hearQuestion(job: Job, { outcome, runtime, conclusion }: Heard): Promise<AgentEnd> {
  if (outcome.outcome !== 'done') return { outcome };
  const { place, redactor } = job;
  const question = await findQuestion(place, redactor);
  if (question.kind === 'none') return { outcome };
  if (question.kind === 'bad') {
    const file = `${worktreeNames.folder}/${worktreeNames.question}`;
    return {
      outcome: failedWith(outcome)('bad-question', `The question in ${file} cannot be used: ${question.reason}`),
    };
  }
  await writeFile(join(place.paths.out, outNames.question), question.text, { mode: 0o600 });
  const asked: Outcome = { outcome: 'needs-input', exitCode: outcome.exitCode, signal: outcome.signal };
  const { sessionId } = conclusion;
  if (runtime.sessionFolder === undefined || sessionId === undefined || redactor.holds(sessionId))
    return { outcome: asked };
  const session = await keepSession(job, runtime.sessionFolder);
  if (session === 'kept') return { outcome: asked, sessionId };
  return { outcome: asked, leftOut: session === 'none' ? [] : ['the session: too large to be gone on with'] };
}

import type { Answer } from '../contracts/question.ts';
import type { TaskAgent } from '../contracts/task.ts';
import { renderCommand, renderText } from '../registry/template.ts';
import type { ResolvedWork } from './resolve-work.ts';

/** What an earlier dispatch asked and left, for the one that goes on. */
export interface Resume {
  /** The session to go on with; without one the agent starts afresh on what was done. */
  readonly sessionId?: string | undefined;
  readonly answer?: Answer | undefined;
}

/** What drives the subagent, with every template filled in. Raises `invalid-input` for a template the input does not fill. */
export function agentOf(
  resolved: Pick<ResolvedWork, 'subagent' | 'model'>,
  input: unknown,
  resume: Resume = {},
): TaskAgent {
  const { subagent } = resolved.subagent;
  if (subagent.runtime === 'command') {
    return { runtime: 'command', command: renderCommand(subagent.command ?? [], input) };
  }
  const { systemPrompt, maxTurns, permissionMode = 'bypass' } = subagent;
  const { model } = resolved;
  return {
    runtime: subagent.runtime,
    prompt: promptOf(subagent.promptTemplate, input, resume),
    ...(systemPrompt === undefined ? {} : { systemPrompt }),
    ...(model === undefined ? {} : { model }),
    permissionMode,
    ...(maxTurns === undefined ? {} : { maxTurns }),
    ...(resume.sessionId === undefined ? {} : { sessionId: resume.sessionId }),
  };
}

/** In its own session it only needs the answer; without one it is told everything again. */
function promptOf(template: string | undefined, input: unknown, { sessionId, answer }: Resume): string {
  if (answer !== undefined && sessionId !== undefined) return answerText(answer);
  const asked = template === undefined ? inputText(input) : renderText(template, input, 'promptTemplate');
  return answer === undefined ? asked : `${asked}\n\n${answerText(answer)}`;
}

/** A subagent with a system prompt alone is asked its input, so that no input goes unseen. */
function inputText(input: unknown): string {
  if (input === null || input === undefined || input === '') return 'Begin.';
  return typeof input === 'string' ? input : JSON.stringify(input, undefined, 2);
}

function answerText({ question, answer }: Answer): string {
  const text = typeof answer === 'string' ? answer : JSON.stringify(answer, undefined, 2);
  return `You asked: ${question}\nThe answer: ${text}\nGo on with the work; what you had done is in place.`;
}

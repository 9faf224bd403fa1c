import type { DispatchRecord } from '../contracts/dispatch.ts';
import { type ExitCode, exitCodes } from '../contracts/errors.ts';
import { requireWaiting } from '../dispatch/answer-dispatch.ts';
import { closeTargets } from '../dispatch/targets.ts';
import { actorName, actorOption } from './actor.ts';
import { answerItem, questionOf } from './answer-item.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { DispatchView, viewOptions } from './dispatch-view.ts';
import { insecureOption } from './engine-option.ts';
import { requireDispatch } from './find-dispatch.ts';
import { findItem } from './find-item.ts';
import { type AnswerWords, answerOptions, givenAnswer } from './given-answer.ts';
import { notTaken } from './not-taken.ts';
import { openClient } from './open-client.ts';
import { configOption, openOrch } from './open-orch.ts';
import { readRunState } from './run-state.ts';

const viewed = { trace: viewOptions.trace, quiet: viewOptions.quiet };

export const dispatchAnswer = defineCommand(
  {
    operands: ['<dispatch>', '[text]'],
    options: {
      ...answerOptions,
      'allow-unsandboxed': { type: 'boolean', summary: 'Run it without a sandbox where there is none' },
      ...viewed,
      actor: actorOption,
      insecure: insecureOption,
      config: configOption,
    },
    details: [
      'Goes on as a new dispatch with the same work, the answer and what was done before, and shows it as "dispatch run" does.',
      'The question of an item of a run is answered to the daemon, which goes on with it.',
    ],
    examples: ['agora dispatch answer d-4f7k "Keep the old name"', 'agora dispatch answer d-4f7k --option 2'],
  },
  async ({ operands, options }, context) => {
    const [word = '', text] = operands;
    const { client } = await openClient(options.config, context);
    const dispatchId = await requireDispatch(client, word);
    const record = await client.dispatch.describe(dispatchId);
    const { option, json, file } = options;
    const words = { text, option, json, file };
    const actor = actorName(options.actor, context.env);
    if (record.run !== undefined) return answerRun(record.run, { words, actor, config: options.config }, context);
    // Before the words are judged by a question that is not there, or no more.
    requireWaiting(record);
    const answer = await givenAnswer(words, record.result?.question ?? {}, context);
    const view = new DispatchView(context, { trace: options.trace, quiet: options.quiet });
    const firing = client.dispatch.answer(dispatchId, answer, {
      ...view.listeners,
      signal: context.stop,
      actor,
      allowUnsandboxed: options['allow-unsandboxed'] === true,
    });
    const code = await view.follow(firing);
    // One that was left goes on, as far as its provider lets it.
    if (!context.force.aborted) await closeTargets(client);
    return code;
  },
);

interface Answering {
  readonly words: AnswerWords;
  readonly actor: string;
  readonly config: string | undefined;
}

async function answerRun(
  { runId, itemId }: NonNullable<DispatchRecord['run']>,
  { words, actor, config }: Answering,
  context: CommandContext,
): Promise<ExitCode> {
  const { orch } = await openOrch(config, context);
  const state = await readRunState(orch.transport, runId);
  if (state === undefined) throw await notTaken(orch.transport, runId, `Cannot answer run "${runId}"`);
  const item = findItem(state, itemId);
  const { view, question } = await questionOf(orch, runId, item);
  const answer = await givenAnswer(words, question, context);
  await answerItem(orch, { runId, item, question: view, answer, actor }, context);
  return exitCodes.ok;
}

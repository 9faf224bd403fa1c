import { exitCodes } from '../contracts/errors.ts';
import { actorName, actorOption } from './actor.ts';
import { answerItem, questionOf } from './answer-item.ts';
import { defineCommand } from './command.ts';
import { findItem } from './find-item.ts';
import { requireRun } from './find-run.ts';
import { answerOptions, givenAnswer } from './given-answer.ts';
import { notTaken } from './not-taken.ts';
import { configOption, openOrch } from './open-orch.ts';
import { readRunState } from './run-state.ts';

export const orchAnswer = defineCommand(
  {
    operands: ['<run>', '<item>', '[text]'],
    options: { ...answerOptions, actor: actorOption, config: configOption },
    details: [
      'Answers the question of an item that waits. The item goes on with the answer and with what it had done.',
      'The first answer counts; who comes later is told.',
    ],
    examples: [
      'agora orch answer fanout-1 edit-alpha "Keep the old name"',
      'agora orch answer fanout-1 edit-alpha --option 2',
    ],
  },
  async ({ operands, options }, context) => {
    const [runWord = '', itemWord = '', text] = operands;
    const { orch } = await openOrch(options.config, context);
    const runId = await requireRun(orch.transport, runWord);
    const state = await readRunState(orch.transport, runId);
    if (state === undefined) throw await notTaken(orch.transport, runId, `Cannot answer run "${runId}"`);
    const item = findItem(state, itemWord);
    const { view, question } = await questionOf(orch, runId, item);
    const { option, json, file } = options;
    const answer = await givenAnswer({ text, option, json, file }, question, context);
    const actor = actorName(options.actor, context.env);
    await answerItem(orch, { runId, item, question: view, answer, actor }, context);
    return exitCodes.ok;
  },
);

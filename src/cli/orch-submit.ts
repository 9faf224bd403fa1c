import { exitCodes } from '../contracts/errors.ts';
import { actorName, actorOption } from './actor.ts';
import { defineCommand } from './command.ts';
import { sayIfNoDaemon } from './daemon-presence.ts';
import { configOption, openOrch } from './open-orch.ts';
import { say } from './output.ts';
import { readPlanInput } from './plan-input.ts';
import { submitPlan } from './submit-plan.ts';

export const orchSubmit = defineCommand(
  {
    operands: ['<plan>'],
    options: {
      id: { type: 'string', value: '<run>', summary: "Id of the run (default: the plan's, else a generated one)" },
      queue: { type: 'string', value: '<name>', summary: "Queue it goes to (default: the plan's)" },
      actor: actorOption,
      config: configOption,
    },
    details: [
      'Prints the run id and returns; it does not wait for the run. "-" reads the plan from standard input.',
      'The same plan under the same id is the same run.',
    ],
    examples: ['agora orch submit plan.json', 'agora orch submit plan.json --id nightly-7'],
  },
  async ({ operands, options }, context) => {
    const [typed = ''] = operands;
    const input = await readPlanInput(typed, context);
    const { orch } = await openOrch(options.config, context);
    const submitted = await submitPlan(orch, {
      input,
      actor: actorName(options.actor, context.env),
      id: options.id,
      queue: options.queue,
    });
    await say(context.stdout, submitted.runId);
    if (submitted.before !== undefined) await say(context.stderr, `agora: ${submitted.before.text}`);
    if (submitted.before?.isFinished !== true) await sayIfNoDaemon(orch.transport, context.stderr);
    return exitCodes.ok;
  },
);

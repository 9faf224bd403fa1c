import { exitCodes } from '../contracts/errors.ts';
import { readPlan } from '../orchestrator/plan.ts';
import { defineCommand } from './command.ts';
import { configOption, openOrch } from './open-orch.ts';
import { say } from './output.ts';
import { invalidPlan, readPlanInput } from './plan-input.ts';

export const orchValidate = defineCommand(
  {
    operands: ['<plan>'],
    options: { config: configOption },
    details: ['Finds every problem that submit would, and submits nothing. "-" reads standard input.'],
    examples: ['agora orch validate plan.json'],
  },
  async ({ operands, options }, context) => {
    const [typed = ''] = operands;
    const input = await readPlanInput(typed, context);
    const { orch } = await openOrch(options.config, context);
    const reading = await readPlan(input.content, orch);
    if (reading.kind === 'invalid') throw invalidPlan(`Cannot accept "${input.label}"`, reading.problems);
    await say(context.stdout, JSON.stringify({ valid: true, items: reading.plan.items.length }));
    return exitCodes.ok;
  },
);

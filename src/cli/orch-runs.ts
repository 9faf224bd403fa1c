import { exitCodes } from '../contracts/errors.ts';
import { defineCommand } from './command.ts';
import { configOption, openOrch } from './open-orch.ts';
import { printRuns } from './run-list.ts';

export const orchRuns = defineCommand(
  {
    operands: [],
    options: {
      json: { type: 'boolean', summary: 'Print JSON' },
      config: configOption,
    },
    details: ['One line each: id, status, items done of all, time of the last change, with tabs between.'],
    examples: ['agora orch runs', 'agora orch runs --json'],
  },
  async ({ options }, context) => {
    const { orch } = await openOrch(options.config, context);
    await printRuns(orch.transport, context, options.json === true);
    return exitCodes.ok;
  },
);

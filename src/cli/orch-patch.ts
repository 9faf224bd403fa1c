import { exitCodes } from '../contracts/errors.ts';
import { choosePatches } from './choose-patches.ts';
import { defineCommand } from './command.ts';
import { requireRun } from './find-run.ts';
import { sayHumanTouched } from './human-touch.ts';
import { configOption, openOrch } from './open-orch.ts';
import { readPatch, readRunPatches } from './run-patches.ts';

export const orchPatch = defineCommand(
  {
    operands: ['<run>', '[item]'],
    options: { config: configOption },
    details: ['The patch of one item, or those of all items that are done, in the order they apply.'],
    examples: ['agora orch patch fanout-1 edit-alpha', 'agora orch patch fanout-1 | git apply --stat'],
  },
  async ({ operands, options }, context) => {
    const [runWord = '', ...itemWords] = operands;
    const { orch } = await openOrch(options.config, context);
    const runId = await requireRun(orch.transport, runWord);
    const found = await readRunPatches(orch.transport, runId);
    const patches = choosePatches(runId, found, itemWords);
    await sayHumanTouched(found, patches, context.stderr);
    for (const patch of patches) {
      await context.stdout.write(await readPatch(orch.storage, patch));
    }
    return exitCodes.ok;
  },
);

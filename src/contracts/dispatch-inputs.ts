import * as z from 'zod';
import { pinSchema } from './ids.ts';
import { modelSchema } from './subagent.ts';

const pinsSchema = z.array(pinSchema).max(64);

/** What an item of the executor `dispatch` takes as `inputs`. */
export const dispatchInputsSchema = z.strictObject({
  subagent: pinSchema.describe('Declared in the config, or registered.'),
  workerInput: z.json().optional().describe('What templates are filled in with, and the file at AGORA_INPUT.'),
  env: z
    .union([pinSchema, pinsSchema], { error: 'must be the name of an environment, or a list of names' })
    .optional()
    .describe('Registered environments; later ones win.'),
  capabilities: pinsSchema.optional().describe("Instead of the subagent's own."),
  addCapabilities: pinsSchema.optional().describe("Besides the subagent's own."),
  pipeline: pinSchema.optional().describe("Instead of the subagent's own."),
  model: modelSchema.optional().describe("Instead of the subagent's own."),
});

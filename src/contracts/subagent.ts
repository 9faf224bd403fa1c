import * as z from 'zod';
import { nameSchema } from './ids.ts';
import { longestTimeoutSeconds, networkPolicies, resourcesSchema } from './plan.ts';
import { processTextSchema } from './process-text.ts';

export const runtimeNames = ['command'] as const;
export type RuntimeName = (typeof runtimeNames)[number];

/** A registered definition of what to do. */
export const subagentSchema = z.strictObject({
  name: nameSchema,
  runtime: z.enum(runtimeNames).default('command').describe('The program that drives it.'),
  command: z
    .array(processTextSchema)
    .min(1)
    .describe('Program and arguments, run in the worktree. Each element is a Mustache template over `workerInput`.'),
  network: z.enum(networkPolicies).optional().describe('What it needs to reach. Default: none.'),
  env: z.record(processTextSchema, processTextSchema).optional().describe('Plain environment; no secrets.'),
  resources: resourcesSchema.optional(),
  timeoutSeconds: z
    .number()
    .positive()
    .max(longestTimeoutSeconds)
    .optional()
    .describe('Limit of one attempt. Default: 7200.'),
});
export type Subagent = z.infer<typeof subagentSchema>;
/** As written in a config, where the name is the key. */
export type SubagentInput = Omit<z.input<typeof subagentSchema>, 'name'>;

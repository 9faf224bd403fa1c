import * as z from 'zod';
import { itemIdSchema, nameSchema, runIdSchema } from './ids.ts';
import { defaultExecutorName, defaultQueueName } from './names.ts';
import { processTextSchema } from './process-text.ts';

export const networkPolicies = ['none', 'internet'] as const;
export type NetworkPolicy = (typeof networkPolicies)[number];

/** Timers take no more than 2^31 - 1 ms, and some time past a timeout is waited for. */
export const longestTimeoutSeconds = 2_000_000;

const lockKeySchema = z
  .string()
  .min(1)
  .max(1024)
  .refine((key) => !key.startsWith('/') && !key.split('/').includes('..'), 'must be relative and without ".."')
  .describe('A path relative to the worktree, or a glob over such paths.');

export const resourcesSchema = z
  .strictObject({
    cpus: z.number().positive().max(1024).optional().describe('CPU cores the worker may use. Default: 2.'),
    memoryMb: z.int().min(16).max(16_777_216).optional().describe('Memory limit in MiB. Default: 2048.'),
    pids: z.int().min(8).max(4_194_304).optional().describe('Processes and threads at once. Default: 512.'),
    diskMb: z.int().min(1).max(16_777_216).optional().describe('MiB the worktree and outputs may hold. Default: 512.'),
  })
  .describe('Limits of the worker.');
export type Resources = z.infer<typeof resourcesSchema>;

export const retrySchema = z
  .strictObject({
    attempts: z.int().min(1).max(100).optional().describe('Attempts in all for work that fails. Default: 1.'),
    lostAttempts: z.int().min(1).max(100).optional().describe('Attempts in all when the worker is lost. Default: 3.'),
    delaySeconds: z
      .number()
      .min(0)
      .max(86_400)
      .optional()
      .describe('Wait before the second attempt; doubles with each further one, with jitter. Default: 1.'),
  })
  .describe('When and how often the item is tried again.');
export type Retry = z.infer<typeof retrySchema>;

export const needSchema = z
  .strictObject({
    from: itemIdSchema.describe('The item that makes the product; it becomes a dependency.'),
    select: z
      .discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('patch') }),
        z.strictObject({ kind: z.literal('output'), path: z.string().min(1).max(4096) }),
      ])
      .describe('Its patch, or one of its output files.'),
  })
  .describe('A product of another item, handed to the worker as inputs/<key>.');

export const itemSchema = z.strictObject({
  id: itemIdSchema.describe('Names the item within its run.'),
  executor: nameSchema.default(defaultExecutorName).describe('How the item runs.'),
  inputs: z.record(z.string(), z.json()).default({}).describe('What the executor gets; for `dispatch` see below.'),
  depends_on: z.array(itemIdSchema).default([]).describe('Items that must be done first.'),
  resourceLocks: z.array(lockKeySchema).default([]).describe('Files the item holds alone while it runs.'),
  priority: z.int().min(-1000).max(1000).optional().describe('Higher runs first. Default: 0.'),
  timeoutSeconds: z
    .number()
    .positive()
    .max(longestTimeoutSeconds)
    .optional()
    .describe('Limit of one attempt. Default: 7200.'),
  retry: retrySchema.optional(),
  resources: resourcesSchema.optional(),
  network: z
    .enum(networkPolicies)
    .optional()
    .describe('What the worker may reach. Default: what the subagent declares, else none.'),
  env: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be a variable name'), processTextSchema)
    .optional()
    .describe('Plain environment of the subagent; no secrets.'),
  target: nameSchema.optional().describe("The configured target the item runs on. Default: the executor's."),
  needs: z
    .record(
      z
        .string()
        .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'must be an input key: 1 to 128 characters of A-Z a-z 0-9 . _ -'),
      needSchema,
    )
    .optional()
    .describe('Products of other items, by input key.'),
  onFailure: z
    .enum(['skip', 'run'])
    .optional()
    .describe('What happens to this item when a dependency fails. Default: skip.'),
});
export type PlanItem = z.infer<typeof itemSchema>;

export const planSchema = z
  .strictObject({
    $schema: z.string().optional().describe('Where an editor finds this schema; ignored.'),
    id: runIdSchema.optional().describe('Names the run. Default: a generated id.'),
    queue: nameSchema.default(defaultQueueName).describe('The queue whose concurrency limit applies.'),
    items: z.array(itemSchema).min(1, 'must hold at least one item').describe('The nodes of the DAG.'),
    source: z
      .string()
      .min(1)
      .max(4096)
      .optional()
      .describe("The directory the run starts from. Default: the config's `source`."),
    enforceLocks: z
      .boolean()
      .optional()
      .describe("Fail an item whose patch leaves its locks. Default: the config's, else false."),
    labels: z.record(z.string(), z.string()).optional().describe('Free text that travels with the run.'),
  })
  .describe('A run: a DAG of items and the queue it goes to.');

/** A plan with the schema's own defaults applied and its id set. */
export type Plan = Omit<z.infer<typeof planSchema>, 'id'> & { readonly id: z.infer<typeof runIdSchema> };

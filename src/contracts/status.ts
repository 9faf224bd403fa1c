import * as z from 'zod';
import { artifactRefSchema, dispatchIdSchema, itemIdSchema, runIdSchema } from './ids.ts';
import { itemStatuses, runStatuses } from './run.ts';

/** What model-driven subagents used, in whole numbers: millionths of a US dollar, milliseconds. */
export const spentSchema = z.strictObject({
  models: z.array(z.string()),
  inputTokens: z.int().min(0),
  outputTokens: z.int().min(0),
  cacheReadTokens: z.int().min(0),
  cacheWriteTokens: z.int().min(0),
  costMicroUsd: z.int().min(0).exactOptional(),
  turns: z.int().min(0).exactOptional(),
  modelMs: z.int().min(0).exactOptional(),
});
export type Spent = z.infer<typeof spentSchema>;

/** What an item that waits asks. A long question is shown in part; `ref` has it whole. */
export const questionViewSchema = z.strictObject({
  /** The dispatch that asked. */
  dispatchId: dispatchIdSchema,
  question: z.string(),
  options: z.array(z.string()).exactOptional(),
  context: z.json().exactOptional(),
  ref: artifactRefSchema,
  /** True when something of it is not shown here. */
  isCut: z.literal(true).exactOptional(),
});
export type QuestionView = z.infer<typeof questionViewSchema>;

export const itemViewSchema = z.strictObject({
  id: itemIdSchema,
  status: z.enum(itemStatuses),
  /** 0 until the first attempt starts. */
  attempt: z.int().min(0),
  /** `item:<id>`, `lock:<key>`, `queue:<name>`, `target:<name>`, `retry:<ISO time>` or `answer`; empty when nothing holds it. */
  blockedBy: z.array(z.string()),
  reason: z.string().optional(),
  resultRef: artifactRefSchema.optional(),
  /** Set while it waits for an answer. */
  question: questionViewSchema.optional(),
  /** The answer it last went on with. */
  answered: z.strictObject({ actor: z.string(), at: z.iso.datetime() }).optional(),
  /** A person had a shell in the worktree of what it shows. */
  humanTouched: z.literal(true).optional(),
  /** All its attempts together. */
  usage: spentSchema.optional(),
});
export type ItemView = z.infer<typeof itemViewSchema>;

/** One loop turn that changed a run: a line of `orch watch`. */
export const statusRecordSchema = z.strictObject({
  runId: runIdSchema,
  status: z.enum(runStatuses),
  at: z.iso.datetime(),
  /** Present and true when `items` holds only what changed. */
  partial: z.literal(true).optional(),
  reason: z.string().optional(),
  items: z.array(itemViewSchema),
});
export type StatusRecord = z.infer<typeof statusRecordSchema>;

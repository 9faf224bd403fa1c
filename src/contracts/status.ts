import * as z from 'zod';
import { artifactRefSchema, itemIdSchema, runIdSchema } from './ids.ts';
import { itemStatuses, runStatuses } from './run.ts';

export const itemViewSchema = z.strictObject({
  id: itemIdSchema,
  status: z.enum(itemStatuses),
  /** 0 until the first attempt starts. */
  attempt: z.int().min(0),
  /** `item:<id>`, `lock:<key>`, `queue:<name>`, `target:<name>` or `retry:<ISO time>`; empty when nothing holds it. */
  blockedBy: z.array(z.string()),
  reason: z.string().optional(),
  resultRef: artifactRefSchema.optional(),
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

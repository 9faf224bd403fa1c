import * as z from 'zod';
import type { Seal } from '../audit/seal.ts';
import type { SqlRow, SqlValue } from '../base/sqlite-database.ts';
import { dispatchArtifactSchema } from '../contracts/dispatch.ts';
import { AppError } from '../contracts/errors.ts';
import { artifactRefSchema, digestSchema, runIdSchema } from '../contracts/ids.ts';
import { sourceSchema } from '../contracts/mailbox.ts';
import { itemStatuses, runStatuses } from '../contracts/run.ts';
import { questionViewSchema, spentSchema } from '../contracts/status.ts';
import type { Inquiry } from './board.ts';
import type { StoredItem, StoredRun } from './run-store.ts';

const artifactsSchema = z.array(dispatchArtifactSchema.extend({ path: z.string().exactOptional() }));

const inquirySchema = z.strictObject({
  question: questionViewSchema,
  partialPatch: artifactRefSchema.exactOptional(),
  session: artifactRefSchema.exactOptional(),
  sessionId: z.string().exactOptional(),
  answer: z.strictObject({ ref: artifactRefSchema, actor: z.string(), at: z.string() }).optional(),
  isHumanTouched: z.boolean(),
});

const runRowSchema = z.object({
  age: z.int(),
  run_id: runIdSchema,
  plan: z.string(),
  plan_digest: digestSchema,
  actor: z.string(),
  submitted_at: z.string(),
  source: z.string().nullable(),
  enforce_locks: z.int(),
  status: z.enum(runStatuses),
  cancelled_by: z.string().nullable(),
  next_sequence: z.int(),
  previous_hash: z.string(),
  status_sequence: z.int(),
});

const itemRowSchema = z.object({
  item: z.int(),
  status: z.enum(itemStatuses),
  attempt: z.int(),
  failures: z.int(),
  losses: z.int(),
  due_at: z.int().nullable(),
  reason: z.string().nullable(),
  result_ref: artifactRefSchema.nullable(),
  artifacts: z.string().nullable(),
  done_at: z.int().nullable(),
  is_cancelling: z.int(),
  inquiry: z.string().nullable(),
  is_human_touched: z.int(),
  usage: z.string().nullable(),
});

export function runFromRow(raw: SqlRow): StoredRun {
  const row = parsed(runRowSchema, raw);
  return {
    runId: row.run_id,
    planText: row.plan,
    planDigest: row.plan_digest,
    actor: row.actor,
    submittedAt: row.submitted_at,
    source: row.source === null ? undefined : parsed(sourceSchema, JSON.parse(row.source)),
    enforceLocks: row.enforce_locks === 1,
    age: row.age,
    status: row.status,
    cancelledBy: row.cancelled_by ?? undefined,
    nextSequence: row.next_sequence,
    previousHash: row.previous_hash,
    statusSequence: row.status_sequence,
    isClosed: false,
  };
}

export function runParameters(run: StoredRun): SqlValue[] {
  return [
    run.age,
    run.runId,
    run.planText,
    run.planDigest,
    run.actor,
    run.submittedAt,
    run.source === undefined ? null : JSON.stringify(run.source),
    run.enforceLocks ? 1 : 0,
    run.status,
    run.cancelledBy ?? null,
    run.nextSequence,
    run.previousHash,
    run.statusSequence,
  ];
}

export function itemFromRow(raw: SqlRow): StoredItem {
  const row = parsed(itemRowSchema, raw);
  return {
    index: row.item,
    status: row.status,
    attempt: row.attempt,
    failures: row.failures,
    losses: row.losses,
    dueAt: row.due_at ?? undefined,
    reason: row.reason ?? undefined,
    resultRef: row.result_ref ?? undefined,
    artifacts: row.artifacts === null ? [] : parsed(artifactsSchema, JSON.parse(row.artifacts)),
    doneAt: row.done_at ?? undefined,
    isCancelling: row.is_cancelling === 1,
    inquiry: row.inquiry === null ? undefined : inquiryFrom(row.inquiry),
    isHumanTouched: row.is_human_touched === 1,
    usage: row.usage === null ? undefined : parsed(spentSchema, JSON.parse(row.usage)),
  };
}

export function itemParameters(item: StoredItem): SqlValue[] {
  return [
    item.index,
    item.status,
    item.attempt,
    item.failures,
    item.losses,
    item.dueAt ?? null,
    item.reason ?? null,
    item.resultRef ?? null,
    item.artifacts.length === 0 ? null : JSON.stringify(item.artifacts),
    item.doneAt ?? null,
    item.isCancelling ? 1 : 0,
    item.inquiry === undefined ? null : JSON.stringify(item.inquiry),
    item.isHumanTouched ? 1 : 0,
    item.usage === undefined ? null : JSON.stringify(item.usage),
  ];
}

function inquiryFrom(text: string): Inquiry {
  const { answer, ...asked } = parsed(inquirySchema, JSON.parse(text));
  return { ...asked, answer };
}

export function sealFromText(text: string): Seal {
  // The seal is signed: the verifier finds out whether it is whole.
  return JSON.parse(text) as Seal;
}

function parsed<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new AppError('state-corrupt', 'Cannot read run state: a row does not have the expected form', {
    cause: result.error,
  });
}

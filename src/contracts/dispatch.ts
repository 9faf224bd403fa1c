import * as z from 'zod';
import { secretRefSchema, variableNameSchema } from './env-bundle.ts';
import {
  artifactRefSchema,
  deploymentIdSchema,
  digestSchema,
  dispatchIdSchema,
  itemIdSchema,
  nameSchema,
  pinSchema,
  runIdSchema,
} from './ids.ts';
import { longestTimeoutSeconds, networkPolicies, resourcesSchema } from './plan.ts';
import { processTextSchema } from './process-text.ts';
import { answerSchema, questionSchema } from './question.ts';
import { failureCodes } from './run.ts';
import { modelSchema } from './subagent.ts';
import { blockResultSchema, taskLimitsSchema, taskResultSchema, usageSchema } from './task.ts';

const timeoutWords = `must be seconds, more than 0 and at most ${longestTimeoutSeconds}`;
const daysWords = 'must be days, a whole number from 1 on';

const dispatchStatuses = ['accepted', 'running', 'waiting', 'done', 'failed', 'cancelled'] as const;
export type DispatchStatus = (typeof dispatchStatuses)[number];

/** What a caller asks for: one execution of a subagent. Plain data; secrets are refs by now. */
export const dispatchWorkSchema = z.strictObject({
  subagent: pinSchema,
  target: nameSchema,
  env: z.array(pinSchema).default([]),
  /** Any JSON; the file at `AGORA_INPUT`, and what templates are filled in with. */
  input: z.json().default(null),
  /** Instead of the subagent's own. */
  capabilities: z.array(pinSchema).optional(),
  /** Besides the subagent's own. */
  addCapabilities: z.array(pinSchema).default([]),
  /** Secrets by variable name. */
  secrets: z.record(variableNameSchema, secretRefSchema).default({}),
  /** Artifacts handed in as `inputs/<key>`. */
  inputs: z.record(nameSchema, artifactRefSchema).default({}),
  /** Snapshot of a directory, in storage: the worktree to start from. */
  source: digestSchema.optional(),
  model: modelSchema.optional(),
  pipeline: pinSchema.optional(),
  network: z.enum(networkPolicies).optional(),
  variables: z.record(variableNameSchema, processTextSchema).default({}),
  resources: resourcesSchema.optional(),
  timeoutSeconds: z.number(timeoutWords).positive(timeoutWords).max(longestTimeoutSeconds, timeoutWords).optional(),
  /** An image of the target's engine, instead of the target's own. */
  image: z.string().min(1).max(512).optional(),
  retentionDays: z.int(daysWords).min(1, daysWords).optional(),
});
export type DispatchWork = z.infer<typeof dispatchWorkSchema>;
export type DispatchWorkInput = z.input<typeof dispatchWorkSchema>;

const namedDigestSchema = z.strictObject({ name: nameSchema, digest: digestSchema });

export const dispatchArtifactSchema = z.strictObject({
  port: z.enum(['patch', 'log', 'output', 'question', 'session', 'shell']),
  path: z.string().optional(),
  ref: artifactRefSchema,
  sizeBytes: z.int().min(0),
  mediaType: z.string(),
});
export type DispatchArtifact = z.infer<typeof dispatchArtifactSchema>;

/** How it ended. `message` is ours, never text the subagent printed. */
const dispatchOutcomeSchema = z.strictObject({
  outcome: z.enum(['done', 'failed', 'cancelled', 'needs-input']),
  code: z.enum(failureCodes).optional(),
  message: z.string().optional(),
  exitCode: z.int().nullable().optional(),
  durationMs: z.number().min(0),
  artifacts: z.array(dispatchArtifactSchema),
  leftOut: z.array(z.string()),
  redacted: z.array(z.string()),
  blocks: z.array(blockResultSchema),
  usage: usageSchema.optional(),
  summary: z.string().optional(),
  question: questionSchema.optional(),
  sessionId: z.string().optional(),
  /** A person had a shell in its worktree. */
  humanTouched: z.literal(true).optional(),
  timings: taskResultSchema.shape.timings.optional(),
});
export type DispatchOutcome = z.infer<typeof dispatchOutcomeSchema>;

/** Asks the process that executes a dispatch to end it; written beside the record, by anyone. */
export const dispatchCancelSchema = z.strictObject({ actor: z.string(), at: z.iso.datetime() });
export type DispatchCancel = z.infer<typeof dispatchCancelSchema>;

/** Everything known of a dispatch, from its acceptance on: an overwritable name in storage. */
export const dispatchRecordSchema = z.strictObject({
  format: z.literal('agora/dispatch/v1'),
  dispatchId: dispatchIdSchema,
  deploymentId: deploymentIdSchema,
  status: z.enum(dispatchStatuses),
  actor: z.string(),
  acceptedAt: z.iso.datetime(),
  startedAt: z.iso.datetime().optional(),
  endedAt: z.iso.datetime().optional(),
  /** After this it may be removed. */
  expiresAt: z.iso.datetime(),
  /** The process that executes it. */
  owner: z.strictObject({ host: z.string(), pid: z.int(), startTicks: z.string() }),
  /** The attempt of a run it is. */
  run: z.strictObject({ runId: runIdSchema, itemId: itemIdSchema, attempt: z.int().min(1) }).optional(),
  work: dispatchWorkSchema,
  resolved: z.strictObject({
    subagent: namedDigestSchema,
    capabilities: z.array(namedDigestSchema),
    env: z.array(namedDigestSchema),
    pipeline: namedDigestSchema.optional(),
    /** Names only. */
    secrets: z.array(z.string()),
    runtime: z.string(),
    model: z.string().optional(),
    network: z.enum(networkPolicies),
    limits: taskLimitsSchema,
  }),
  /** Where it runs, in words: `docker unix:///var/run/docker.sock`. */
  provider: z.string().optional(),
  /** The provider's own name of it: a container id, a process folder. */
  providerId: z.string().optional(),
  image: z.string().optional(),
  cancel: dispatchCancelSchema.optional(),
  /** What it goes on with: the dispatch that asked. */
  resumes: dispatchIdSchema.optional(),
  answer: answerSchema.optional(),
  /** The dispatch that went on with its answer. */
  answeredBy: dispatchIdSchema.optional(),
  result: dispatchOutcomeSchema.optional(),
});
export type DispatchRecord = z.infer<typeof dispatchRecordSchema>;

/** A shell that was opened into a dispatch's worktree; named `<dispatchId>.<id>`, written when it opens and when it closes. */
export const dispatchShellSchema = z.strictObject({
  dispatchId: dispatchIdSchema,
  id: z.string(),
  actor: z.string(),
  openedAt: z.iso.datetime(),
  closedAt: z.iso.datetime().optional(),
  /** What was seen on the terminal: asciicast v2, secrets blacked out. */
  recording: digestSchema.optional(),
});
export type DispatchShell = z.infer<typeof dispatchShellSchema>;

/** The whole life of a dispatch, as whoever executes it is told. */
export type DispatchEvent = { readonly dispatchId: DispatchRecord['dispatchId']; readonly at: string } & (
  | {
      readonly kind: 'dispatch.accepted';
      readonly target: string;
      readonly resolved: DispatchRecord['resolved'];
    }
  | {
      readonly kind: 'dispatch.started';
      readonly provider: string;
      readonly providerId: string;
      readonly image: string;
    }
  | { readonly kind: 'dispatch.finished'; readonly exitCode: number | null; readonly durationMs: number }
  | { readonly kind: 'dispatch.needs_input'; readonly question: string; readonly durationMs: number }
  | { readonly kind: 'dispatch.failed'; readonly reason: string; readonly detail: string }
  | { readonly kind: 'dispatch.cancelled'; readonly actor: string }
);

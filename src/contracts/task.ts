import * as z from 'zod';
import {
  type deploymentIdSchema,
  type digestSchema,
  dispatchIdSchema,
  type itemIdSchema,
  type runIdSchema,
} from './ids.ts';
import { taskDefaults } from './names.ts';
import { blockSchema } from './pipeline.ts';
import { networkPolicies } from './plan.ts';
import { processTextSchema } from './process-text.ts';
import { failureCodes } from './run.ts';
import { commandSchema, modelSchema, permissionModes } from './subagent.ts';

/** Every limit of one task, defaults applied. */
export const taskLimitsSchema = z.strictObject({
  cpus: z.number().positive(),
  memoryMb: z.int().positive(),
  pids: z.int().positive(),
  diskMb: z.int().positive(),
  outputBytes: z.int().positive(),
  timeoutSeconds: z.number().positive(),
});
export type TaskLimits = z.infer<typeof taskLimitsSchema>;

/** What drives the subagent of a task, and what it is told; templates are already filled in. */
const taskAgentSchema = z.discriminatedUnion('runtime', [
  z.strictObject({ runtime: z.literal('command'), command: commandSchema }),
  z.strictObject({
    runtime: z.literal('claude-code'),
    /** What it is asked. */
    prompt: processTextSchema,
    /** What it is told besides. */
    systemPrompt: processTextSchema.optional(),
    /** A level or a model's own name. Default: the runtime's. */
    model: modelSchema.optional(),
    permissionMode: z.enum(permissionModes),
    maxTurns: z.int().positive().optional(),
    /** The session to go on with; its files come as `/agora/in/session.tar`. */
    sessionId: z.string().optional(),
  }),
]);
export type TaskAgent = z.infer<typeof taskAgentSchema>;

/** What the worker's supervisor reads from `/agora/in/task.json`. */
export const taskSpecSchema = z.strictObject({
  dispatchId: dispatchIdSchema,
  agent: taskAgentSchema,
  blocks: z.array(blockSchema).min(1),
  env: z.record(processTextSchema, processTextSchema),
  limits: taskLimitsSchema,
  network: z.enum(networkPolicies),
  /** True when `/agora/in/worktree.tar` holds the files to start from. */
  hasWorktree: z.boolean(),
  /** True when `/agora/in/overlay.tar` holds the files of its capabilities, laid over the worktree. */
  hasOverlay: z.boolean(),
  /** Setup scripts, in order: paths in `/agora/in/overlay.tar` below `.agora/setup/`. */
  setup: z.array(z.strictObject({ capability: z.string(), path: z.string() })),
  /** How long all setup scripts together may take. */
  setupTimeoutSeconds: z.number().positive(),
  /** True when `/agora/in/partial.patch` holds what an earlier attempt had done; applied after the baseline. */
  hasPartialPatch: z.boolean(),
  /** True when `/agora/in/answer.json` goes to `.agora/answer.json` of the worktree. */
  hasAnswer: z.boolean(),
  /** Keys of the files under `/agora/in/inputs`, copied to `inputs/<key>` of the worktree. */
  inputKeys: z.array(z.string()),
  /** How many bytes of secrets (one JSON object) come on stdin before it ends; 0 for none. */
  secretBytes: z.int().min(0),
});
export type TaskSpec = z.infer<typeof taskSpecSchema>;

/** The part of a spec of a task that has nothing but a worktree. */
export const nothingElseHandedIn = {
  hasOverlay: false,
  setup: [],
  setupTimeoutSeconds: taskDefaults.setupTimeoutSeconds,
  hasPartialPatch: false,
  hasAnswer: false,
} satisfies Partial<TaskSpec>;

/** What a model-driven subagent used. Tokens as its runtime counted them. */
export const usageSchema = z.strictObject({
  models: z.array(z.string()),
  inputTokens: z.int().min(0),
  outputTokens: z.int().min(0),
  cacheReadTokens: z.int().min(0),
  cacheWriteTokens: z.int().min(0),
  /** US dollars, as the runtime reckons them. */
  costUsd: z.number().min(0).optional(),
  turns: z.int().min(0).optional(),
  /** Time spent waiting for the model, in milliseconds. */
  modelMs: z.number().min(0).optional(),
});
export type Usage = z.infer<typeof usageSchema>;

export const blockResultSchema = z.strictObject({
  kind: z.enum(['setup', 'agent', 'script', 'capture']),
  /** Which: a capability's name, a script's lens, what is captured. */
  name: z.string().optional(),
  passed: z.boolean(),
  exitCode: z.int().nullable().optional(),
  durationMs: z.number().min(0),
});
export type BlockResult = z.infer<typeof blockResultSchema>;

/** What the supervisor leaves in `/agora/out/result.json`, written last. Sizes in bytes, times in milliseconds. */
export const taskResultSchema = z.strictObject({
  dispatchId: dispatchIdSchema,
  /** `needs-input`: it asks; `/agora/out/needs_input.json` holds the question. */
  outcome: z.enum(['done', 'failed', 'stopped', 'needs-input']),
  /** Set when the outcome is `failed`. */
  failure: z.enum(failureCodes).optional(),
  /** One sentence on the failure; never text the subagent printed. */
  message: z.string().max(1024).optional(),
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  patchBytes: z.int().min(0),
  outputs: z.array(z.strictObject({ path: z.string(), sizeBytes: z.int().min(0) })),
  /** What was left out of the outputs and why, one line each. */
  leftOut: z.array(z.string()),
  /** Files of the work in which a secret was blacked out, one line each. */
  redacted: z.array(z.string()),
  /** Every block that was begun, in order. */
  blocks: z.array(blockResultSchema),
  usage: usageSchema.optional(),
  /** What the subagent said last, secrets blacked out. */
  summary: z.string().max(16_384).optional(),
  /** The session that can be gone on with; `/agora/out/session.tar` holds its files. */
  sessionId: z.string().optional(),
  timings: z.strictObject({
    /** From the supervisor's start to the first byte of work: reading the task and its inputs. */
    receiveMs: z.number(),
    prepareMs: z.number(),
    setupMs: z.number(),
    runMs: z.number(),
    captureMs: z.number(),
  }),
});
export type TaskResult = z.infer<typeof taskResultSchema>;

/** Names on the container or sandbox of a task, by which it is found again. */
export interface TaskOwner {
  readonly deploymentId: z.infer<typeof deploymentIdSchema>;
  readonly runId?: z.infer<typeof runIdSchema>;
  readonly itemId?: z.infer<typeof itemIdSchema>;
  readonly attempt?: number;
}

/** A content-addressed file handed in at `/agora/in/<path>`. */
export interface TaskInput {
  readonly path: string;
  readonly digest: z.infer<typeof digestSchema>;
  readonly sizeBytes: number;
  /** Its bytes, hashed by whoever stores them: a wrong byte raises `artifact-mismatch`. */
  readonly content: () => AsyncIterable<Uint8Array>;
}

/** One worker execution, complete: what a compute provider runs. */
export interface Task {
  readonly spec: TaskSpec;
  readonly owner: TaskOwner;
  readonly inputs: readonly TaskInput[];
  /** Secrets by environment name, given on stdin and nowhere else. */
  readonly secrets: Readonly<Record<string, string>>;
  /** The image to run. Default: the provider's own for the task's runtime. */
  readonly image?: string;
  /** It may run without a sandbox where there is none. Default: false. */
  readonly allowUnsandboxed?: boolean;
}

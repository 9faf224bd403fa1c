import * as z from 'zod';
import {
  type deploymentIdSchema,
  type digestSchema,
  dispatchIdSchema,
  type itemIdSchema,
  type runIdSchema,
} from './ids.ts';
import { networkPolicies } from './plan.ts';
import { processTextSchema } from './process-text.ts';
import { failureCodes } from './run.ts';
import { runtimeNames } from './subagent.ts';

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

/** What the worker's supervisor reads from `/agora/in/task.json`. */
export const taskSpecSchema = z.strictObject({
  dispatchId: dispatchIdSchema,
  runtime: z.enum(runtimeNames),
  /** Program and arguments, templates already filled in. */
  command: z.array(processTextSchema).min(1),
  env: z.record(processTextSchema, processTextSchema),
  limits: taskLimitsSchema,
  network: z.enum(networkPolicies),
  /** True when `/agora/in/worktree.tar` holds the files to start from. */
  hasWorktree: z.boolean(),
  /** Keys of the files under `/agora/in/inputs`, copied to `inputs/<key>` of the worktree. */
  inputKeys: z.array(z.string()),
  /** How many bytes of secrets (one JSON object) come on stdin before it ends; 0 for none. */
  secretBytes: z.int().min(0),
});
export type TaskSpec = z.infer<typeof taskSpecSchema>;

/** What the supervisor leaves in `/agora/out/result.json`, written last. Sizes in bytes, times in milliseconds. */
export const taskResultSchema = z.strictObject({
  dispatchId: dispatchIdSchema,
  outcome: z.enum(['done', 'failed', 'stopped']),
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
  timings: z.strictObject({ prepareMs: z.number(), runMs: z.number(), captureMs: z.number() }),
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
  /** It may run without a sandbox where there is none. Default: false. */
  readonly allowUnsandboxed?: boolean;
}

import * as z from 'zod';
import { artifactRefSchema, digestSchema, dispatchIdSchema, itemIdSchema, runIdSchema } from './ids.ts';
import { networkPolicies } from './plan.ts';
import { permissionModes, runtimeNames } from './subagent.ts';

const namedDigestSchema = z.strictObject({ name: z.string(), digest: digestSchema });

/** Everything that decides what an attempt ran. Integers only, so that its JCS form is in the audit subset. */
const manifestSchema = z.strictObject({
  format: z.literal('agora/manifest/v1'),
  runId: runIdSchema,
  itemId: itemIdSchema,
  attempt: z.int().min(1),
  dispatchId: dispatchIdSchema,
  executor: z.string(),
  actor: z.string(),
  locks: z.array(z.string()),
  /** What it goes on with: the question of an earlier attempt, the answer to it, and what that attempt had done. */
  resume: z
    .strictObject({
      question: artifactRefSchema,
      answer: artifactRefSchema,
      partialPatch: artifactRefSchema.optional(),
      session: artifactRefSchema.optional(),
      sessionId: z.string().optional(),
    })
    .optional(),
  /** What the executor resolved; a `dispatch` fills every field. */
  dispatch: z
    .strictObject({
      target: z.string(),
      provider: z.string(),
      image: z.string(),
      subagent: z.strictObject({ name: z.string(), digest: digestSchema, runtime: z.enum(runtimeNames) }),
      /** As filled in; only of the runtime `command`. */
      command: z.array(z.string()).optional(),
      /** What a model is asked and told; only of the other runtimes. With `resume`, what it goes on with comes besides. */
      agent: z
        .strictObject({
          promptDigest: digestSchema,
          systemPromptDigest: digestSchema.optional(),
          model: z.string().optional(),
          permissionMode: z.enum(permissionModes),
          maxTurns: z.int().optional(),
        })
        .optional(),
      inputDigest: digestSchema,
      capabilities: z.array(namedDigestSchema).optional(),
      /** Of the files its capabilities lay over the worktree. */
      overlay: digestSchema.optional(),
      envBundles: z.array(namedDigestSchema).optional(),
      pipeline: namedDigestSchema.optional(),
      /** Of the JCS text of what the worker does, in order. */
      blocksDigest: digestSchema.optional(),
      /** Refs by variable, never values. */
      secrets: z.record(z.string(), z.string()).optional(),
      env: z.record(z.string(), z.string()),
      network: z.enum(networkPolicies),
      limits: z.strictObject({
        cpusMilli: z.int(),
        memoryMb: z.int(),
        pids: z.int(),
        diskMb: z.int(),
        outputBytes: z.int(),
        timeoutMs: z.int(),
      }),
      worktree: z
        .strictObject({
          source: digestSchema.optional(),
          patches: z.array(z.strictObject({ item: itemIdSchema, ref: artifactRefSchema })),
        })
        .optional(),
      needs: z.array(z.strictObject({ key: z.string(), ref: artifactRefSchema })),
    })
    .optional(),
});
export type Manifest = z.infer<typeof manifestSchema>;

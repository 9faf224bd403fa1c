import * as z from 'zod';
import { digestSchema, nameSchema } from './ids.ts';

/** How much a capability may hold. */
export const capabilityLimits = { bytes: 50 * 1024 * 1024, files: 10_000, pathBytes: 1024 } as const;

/** A script in a capability's root that prepares the worktree; those of several capabilities run in order. */
export const setupScriptName = 'agora-setup.sh';

/** Files a subagent is given: laid over the worktree before it starts. The bytes of each are a blob of their own. */
export const capabilitySchema = z.strictObject({
  name: nameSchema,
  /** Sorted by path. */
  files: z.array(
    z.strictObject({
      path: z.string(),
      /** Permission bits: 0o644 or 0o755. */
      mode: z.union([z.literal(0o644), z.literal(0o755)]),
      digest: digestSchema,
      sizeBytes: z.int().min(0),
    }),
  ),
});
export type Capability = z.infer<typeof capabilitySchema>;

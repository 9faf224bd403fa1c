import * as z from 'zod';

const time = z.number();

/** A step that failed, and when it is tried again. */
const failureSchema = z.object({
  fingerprint: z.string(),
  attempts: z.int().positive(),
  nextAt: time,
  message: z.string(),
  /** Why it failed may go away by itself. */
  mayPass: z.boolean().optional(),
  /** It is not tried again while this revision is declared. */
  heldRevision: z.int().optional(),
});

/** What did not prove itself, and is not tried again as it is while this revision is declared, or until then. */
const refusalSchema = z.object({
  digest: z.string(),
  imageId: z.string(),
  reason: z.string(),
  revision: z.int().optional(),
  tries: z.int().optional(),
  againAt: time.optional(),
});

/**
 * What an observation does not show. Losing it costs time, never a resource: what is half done is found again by names
 * and labels.
 */
export const memorySchema = z.object({
  /** By attempt. */
  failures: z.record(z.string(), failureSchema).default({}),
  /** By workspace: the container that proves itself, since it first ran. */
  exchanges: z.record(z.string(), z.object({ containerId: z.string(), since: time })).default({}),
  /** By workspace. */
  refused: z.record(z.string(), refusalSchema).default({}),
  /** By workspace: how often it was started again without staying up. */
  restarts: z.record(z.string(), z.object({ containerId: z.string(), count: z.int(), lastAt: time })).default({}),
  /** By id of a container that we stopped, which so did not end by itself: since when, and until when it may still be ending. */
  stopped: z.record(z.string(), z.object({ at: time, until: time })).default({}),
  /** By image: the revision it was last pulled for, the spec it was last pushed for. */
  images: z.record(z.string(), z.object({ revision: z.int().optional(), pushed: z.string().optional() })).default({}),
  /** Ids of images that we built. */
  builtImages: z.array(z.string()).default([]),
  /** By volume: whether it was last declared to go with its spec. */
  volumes: z.record(z.string(), z.boolean()).default({}),
  /** By volume: the spec it was asked for with while there was none of its name, until the engine's answer is known. */
  askedVolumes: z.record(z.string(), z.string()).default({}),
});
export type Memory = z.infer<typeof memorySchema>;

export const emptyMemory: Memory = memorySchema.parse({});

import * as z from 'zod';

const timeSchema = z.iso.datetime();

const observedNetworkSchema = z.object({
  id: z.string(),
  name: z.string(),
  driver: z.string(),
  labels: z.record(z.string(), z.string()),
});
export type ObservedNetwork = z.infer<typeof observedNetworkSchema>;

const observedVolumeSchema = z.object({
  name: z.string(),
  driver: z.string(),
  labels: z.record(z.string(), z.string()),
});
export type ObservedVolume = z.infer<typeof observedVolumeSchema>;

const observedImageSchema = z.object({
  id: z.string(),
  tags: z.array(z.string()),
  /** `name@sha256:…` of registries it is known to. */
  repositoryDigests: z.array(z.string()),
  sizeBytes: z.int().nonnegative(),
  labels: z.record(z.string(), z.string()),
});
export type ObservedImage = z.infer<typeof observedImageSchema>;

const containerStatuses = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'] as const;

const observedContainerSchema = z.object({
  id: z.string(),
  name: z.string(),
  imageId: z.string(),
  labels: z.record(z.string(), z.string()),
  status: z.enum(containerStatuses),
  /** `none` without a health check. */
  health: z.enum(['none', 'starting', 'healthy', 'unhealthy']),
  exitCode: z.int(),
  isOutOfMemory: z.boolean(),
  /** Why the engine could not start it; empty when it could. */
  error: z.string(),
  /** By the engine itself, under its restart policy. */
  restartCount: z.int().nonnegative(),
  startedAt: timeSchema.optional(),
  finishedAt: timeSchema.optional(),
  /** Names of the networks it is on. */
  networks: z.array(z.string()),
  /** What it is held to now, by whoever set it last; without those that are not limited, or not known. */
  limits: z
    .object({
      memoryBytes: z.int().positive().optional(),
      cpus: z.number().positive().optional(),
      pids: z.int().positive().optional(),
      restart: z.string().optional(),
    })
    .optional(),
});
export type ObservedContainer = z.infer<typeof observedContainerSchema>;

/**
 * What an engine had at one moment. Networks, volumes and containers of others are there as well, without their labels,
 * because their names are taken.
 */
export const hostObservationSchema = z.object({
  observedAt: timeSchema,
  networks: z.array(observedNetworkSchema),
  volumes: z.array(observedVolumeSchema),
  images: z.array(observedImageSchema),
  containers: z.array(observedContainerSchema),
  /** Of the file system where the engine keeps images and volumes; undefined when it is not known. */
  disk: z.object({ freeBytes: z.int().nonnegative(), totalBytes: z.int().nonnegative() }).optional(),
});
export type HostObservation = z.infer<typeof hostObservationSchema>;

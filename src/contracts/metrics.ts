import * as z from 'zod';

const bytes = z.number().nonnegative();
const share = z.number().min(0);

/** Two figures of one thing would be two truths. */
function eachOnce<T>(list: z.ZodType<T[]>, keyOf: (one: T) => string) {
  return list.refine((all) => new Set(all.map(keyOf)).size === all.length, 'must name each once');
}

/** As `df` tells: used and available are less than all where a part is kept for root. */
const diskSampleSchema = z.object({
  path: z.string().max(4096),
  totalBytes: bytes,
  usedBytes: bytes,
  availableBytes: bytes,
});
export type DiskSample = z.infer<typeof diskSampleSchema>;

/** 0 to 1, as `df` counts: full is when an ordinary program finds it full. */
export function fullnessOf({ usedBytes, availableBytes }: DiskSample): number {
  const bytes = usedBytes + availableBytes;
  return bytes === 0 ? 0 : usedBytes / bytes;
}

/** Rates are per second since the sample before; the first sample has none. */
export const hostSampleSchema = z.object({
  /** Of all processors, 0 to 1; and of each. */
  cpu: share.optional(),
  cpus: z.array(share).max(1024).optional(),
  load: z.tuple([z.number(), z.number(), z.number()]),
  memory: z.object({ totalBytes: bytes, usedBytes: bytes, availableBytes: bytes }),
  swap: z.object({ totalBytes: bytes, usedBytes: bytes }),
  disks: eachOnce(z.array(diskSampleSchema).max(64), ({ path }) => path),
  io: z.object({ readBytesPerSecond: bytes, writeBytesPerSecond: bytes }).optional(),
  network: z.object({ receivedBytesPerSecond: bytes, sentBytesPerSecond: bytes }).optional(),
  processes: z.int().nonnegative(),
  /** Share of the last 10 s in which some task waited; undefined where the kernel does not tell (PSI). */
  pressure: z.object({ cpu: share, memory: share, io: share }).optional(),
  uptimeSeconds: z.number().nonnegative(),
});
export type HostSample = z.infer<typeof hostSampleSchema>;

const gpuSampleSchema = z.object({
  uuid: z.string().max(128),
  name: z.string().max(256),
  /** 0 to 1; undefined where the device does not tell. */
  use: share.optional(),
  memoryUsedBytes: bytes.optional(),
  memoryTotalBytes: bytes.optional(),
  temperatureCelsius: z.number().optional(),
  powerWatts: z.number().nonnegative().optional(),
  processes: z.array(z.object({ pid: z.int().positive(), memoryBytes: bytes.optional() })).max(1024),
});
export type GpuSample = z.infer<typeof gpuSampleSchema>;

const workspaceSampleSchema = z.object({
  name: z.string().max(128),
  /** Processors in use: 1.5 is one and a half. */
  cpus: share.optional(),
  /** Without what the kernel can drop at once (inactive file pages), as `docker stats` counts. */
  memoryBytes: bytes.optional(),
  memoryLimitBytes: bytes.optional(),
  io: z.object({ readBytesPerSecond: bytes, writeBytesPerSecond: bytes }).optional(),
  network: z.object({ receivedBytesPerSecond: bytes, sentBytesPerSecond: bytes }).optional(),
  processes: z.int().nonnegative().optional(),
  restarts: z.int().nonnegative(),
});
export type WorkspaceSample = z.infer<typeof workspaceSampleSchema>;

/** What one heartbeat measured. A kind that is switched off, or cannot be read, is not there. */
export const metricsSampleSchema = z.object({
  at: z.iso.datetime(),
  host: hostSampleSchema.optional(),
  gpus: eachOnce(z.array(gpuSampleSchema).max(64), ({ uuid }) => uuid).optional(),
  workspaces: eachOnce(z.array(workspaceSampleSchema).max(2000), ({ name }) => name).optional(),
});
export type MetricsSample = z.infer<typeof metricsSampleSchema>;

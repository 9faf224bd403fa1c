import * as z from 'zod';
import type { Reading } from './reading.ts';

const count = z.number().nonnegative();
const ticks = z.object({ total: count, idle: count });
const transferred = z.object({ inBytes: count, outBytes: count });

/** One line that the helper prints: `Reading`, from a process of ours that another image may hold. */
export const readingSchema: z.ZodType<Reading> = z.object({
  atMs: count,
  host: z
    .object({
      cpu: ticks,
      cpus: z.array(ticks),
      load: z.tuple([count, count, count]),
      memory: z.object({ totalBytes: count, availableBytes: count }),
      swap: z.object({ totalBytes: count, freeBytes: count }),
      disks: z.array(z.object({ path: z.string(), totalBytes: count, usedBytes: count, availableBytes: count })),
      io: transferred.exactOptional(),
      network: transferred.exactOptional(),
      processes: count,
      pressure: z.object({ cpu: count, memory: count, io: count }).exactOptional(),
      uptimeSeconds: count,
    })
    .exactOptional(),
  containers: z.array(
    z.object({
      id: z.string(),
      cpuNanoseconds: count.exactOptional(),
      memoryBytes: count.exactOptional(),
      memoryLimitBytes: count.exactOptional(),
      io: transferred.exactOptional(),
      network: transferred.exactOptional(),
      processes: count.exactOptional(),
    }),
  ),
});

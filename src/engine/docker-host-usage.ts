import * as z from 'zod';
import { AppError } from '../contracts/errors.ts';
import type { DockerConnection } from './docker-connection.ts';
import { ask } from './docker-request.ts';
import type { ContainerUsage } from './host-engine.ts';

const countSchema = z.number().nonnegative().catch(0);
const statsSchema = z.object({
  cpu_stats: z.object({ cpu_usage: z.object({ total_usage: countSchema }).nullish() }).nullish(),
  memory_stats: z
    .object({ usage: countSchema, limit: countSchema, stats: z.record(z.string(), z.unknown()).nullish() })
    .partial()
    .nullish(),
  blkio_stats: z
    .object({
      io_service_bytes_recursive: z.array(z.object({ op: z.string(), value: countSchema })).nullish(),
    })
    .nullish(),
  networks: z.record(z.string(), z.object({ rx_bytes: countSchema, tx_bytes: countSchema })).nullish(),
  pids_stats: z.object({ current: countSchema }).partial().nullish(),
});
type Stats = z.infer<typeof statsSchema>;

/** One reading, without the second that the engine would wait for another to compare with. */
export async function usageOf(
  connection: DockerConnection,
  container: string,
  { memoryBytes, signal }: { readonly memoryBytes: number; readonly signal: AbortSignal | undefined },
): Promise<ContainerUsage> {
  const call = { action: `measure container "${container}"`, signal };
  const path = `/containers/${encodeURIComponent(container)}/stats`;
  const query = { stream: 'false', 'one-shot': 'true' };
  const stats = await ask(connection, call, { method: 'GET', path, query, answer: statsSchema.default({}) });
  const processes = stats.pids_stats?.current ?? 0;
  const cpuNanoseconds = stats.cpu_stats?.cpu_usage?.total_usage ?? 0;
  if (processes === 0 && cpuNanoseconds === 0) {
    throw new AppError('task-conflict', `Cannot ${call.action}: it does not run`);
  }
  const limit = stats.memory_stats?.limit ?? 0;
  return {
    cpuNanoseconds,
    memoryBytes: usedMemory(stats),
    // Without one an engine gives the memory of the host, or the largest number it has.
    memoryLimitBytes: limit > 0 && limit < memoryBytes ? limit : undefined,
    readBytes: transferred(stats, 'read'),
    writtenBytes: transferred(stats, 'write'),
    receivedBytes: sum(Object.values(stats.networks ?? {}).map(({ rx_bytes }) => rx_bytes)),
    sentBytes: sum(Object.values(stats.networks ?? {}).map(({ tx_bytes }) => tx_bytes)),
    processes,
  };
}

/** Without the file cache that the kernel takes back when it needs it, as `docker stats` counts. */
function usedMemory({ memory_stats: memory }: Stats): number {
  const usage = memory?.usage ?? 0;
  const cache = memory?.stats?.['total_inactive_file'] ?? memory?.stats?.['inactive_file'];
  return typeof cache === 'number' && cache < usage ? usage - cache : usage;
}

function transferred({ blkio_stats: blkio }: Stats, operation: 'read' | 'write'): number {
  const entries = blkio?.io_service_bytes_recursive ?? [];
  return sum(entries.filter(({ op }) => op.toLowerCase() === operation).map(({ value }) => value));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

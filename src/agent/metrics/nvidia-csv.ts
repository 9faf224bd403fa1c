import type { GpuSample } from '../../contracts/metrics.ts';

/** What `nvidia-smi` is asked for, in the order of the columns. */
export const gpuColumns = 'uuid,name,utilization.gpu,memory.used,memory.total,temperature.gpu,power.draw';
export const applicationColumns = 'gpu_uuid,pid,used_gpu_memory';

const mebibyte = 1024 * 1024;
const mostGpus = 64;
const mostProcesses = 1024;

/**
 * Reads `--format=csv,noheader,nounits`. A device does not tell everything: `[N/A]` (a divided one has no use of its own),
 * `[Not Supported]`, `[Insufficient Permissions]`, `[GPU is lost]`.
 */
export function gpusOf(gpus: string, applications: string): GpuSample[] {
  const processes = processesOf(applications);
  const rows = new Map(rowsOf(gpus).map((row) => [row[0] ?? '', row]));
  return [...rows.values()].slice(0, mostGpus).flatMap(([uuid = '', name = '', ...figures]) => {
    if (!/^(GPU|MIG)-/.test(uuid)) return [];
    const [use, memoryUsed, memoryTotal, temperature, power] = figures.map(numberOf);
    return [
      {
        uuid,
        name: name.slice(0, 256),
        ...(use !== undefined && { use: use / 100 }),
        ...(memoryUsed !== undefined && { memoryUsedBytes: memoryUsed * mebibyte }),
        ...(memoryTotal !== undefined && { memoryTotalBytes: memoryTotal * mebibyte }),
        ...(temperature !== undefined && { temperatureCelsius: temperature }),
        ...(power !== undefined && power >= 0 && { powerWatts: power }),
        processes: processes.get(uuid) ?? [],
      },
    ];
  });
}

/** A program on several parts of a divided device is listed once for each. */
function processesOf(text: string): Map<string, GpuSample['processes']> {
  const byGpu = new Map<string, Map<number, number | undefined>>();
  for (const [uuid = '', pidText = '', memoryText = ''] of rowsOf(text)) {
    const pid = numberOf(pidText);
    if (pid === undefined || !Number.isInteger(pid) || pid <= 0) continue;
    const ofGpu = byGpu.get(uuid) ?? new Map<number, number | undefined>();
    const memory = numberOf(memoryText);
    const before = ofGpu.get(pid);
    ofGpu.set(pid, memory === undefined ? before : (before ?? 0) + memory * mebibyte);
    byGpu.set(uuid, ofGpu);
  }
  const listed = [...byGpu].map(([uuid, ofGpu]) => {
    const processes = [...ofGpu].slice(0, mostProcesses).map(([pid, memoryBytes]) => ({
      pid,
      ...(memoryBytes !== undefined && { memoryBytes }),
    }));
    return [uuid, processes] as const;
  });
  return new Map(listed);
}

function rowsOf(text: string): string[][] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => line.split(',').map((field) => field.trim()));
}

function numberOf(text: string): number | undefined {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
}

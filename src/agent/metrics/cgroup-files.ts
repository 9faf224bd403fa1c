import type { CgroupFolders } from './cgroup-paths.ts';
import type { ContainerReading, Transferred } from './reading.ts';
import type { OpenFiles } from './text-file.ts';

export type CgroupReading = Pick<
  ContainerReading,
  'cpuNanoseconds' | 'memoryBytes' | 'memoryLimitBytes' | 'io' | 'processes'
>;

/** Version 1 says "no limit" with the largest number of pages. */
const noLimit = 2 ** 62;

const readers = { 1: readVersion1, 2: readVersion2 } as const;

/** What the kernel counts for a container. */
export function readCgroup(folders: CgroupFolders, files: OpenFiles): CgroupReading {
  return readers[folders.version](folders, files);
}

function readVersion1({ cpu, memory, io, pids }: CgroupFolders, files: OpenFiles): CgroupReading {
  const limit = memory && files.number(`${memory}/memory.limit_in_bytes`);
  const transferred =
    io &&
    (files.text(`${io}/blkio.throttle.io_service_bytes_recursive`) ??
      files.text(`${io}/blkio.throttle.io_service_bytes`));
  return reading({
    cpuNanoseconds: cpu ? files.number(`${cpu}/cpuacct.usage`) : undefined,
    memoryBytes: memory
      ? usedMemory(
          files.number(`${memory}/memory.usage_in_bytes`),
          files.text(`${memory}/memory.stat`),
          'total_inactive_file',
        )
      : undefined,
    memoryLimitBytes: limit && limit < noLimit ? limit : undefined,
    io: transferred ? throttleBytes(transferred) : undefined,
    processes: pids ? files.number(`${pids}/pids.current`) : undefined,
  });
}

function readVersion2({ main }: CgroupFolders, files: OpenFiles): CgroupReading {
  const cpu = files.text(`${main}/cpu.stat`);
  const microseconds = cpu === undefined ? undefined : field(cpu, 'usage_usec');
  const io = files.text(`${main}/io.stat`);
  return reading({
    cpuNanoseconds: microseconds === undefined ? undefined : microseconds * 1000,
    memoryBytes: usedMemory(files.number(`${main}/memory.current`), files.text(`${main}/memory.stat`), 'inactive_file'),
    // The word `max` is no number.
    memoryLimitBytes: files.number(`${main}/memory.max`),
    io: io === undefined ? undefined : ioStatBytes(io),
    processes: files.number(`${main}/pids.current`),
  });
}

/** Without the file cache that the kernel takes back when it needs it, as `docker stats` counts. */
function usedMemory(usage: number | undefined, stat: string | undefined, inactive: string): number | undefined {
  if (usage === undefined) return undefined;
  const cache = stat === undefined ? 0 : (field(stat, inactive) ?? 0);
  return cache < usage ? usage - cache : usage;
}

/** The number behind a name at the start of a line. */
function field(text: string, name: string): number | undefined {
  const at = text.startsWith(`${name} `) ? 0 : text.indexOf(`\n${name} `) + 1;
  if (at === 0 && !text.startsWith(`${name} `)) return undefined;
  const value = Number.parseInt(text.slice(at + name.length + 1), 10);
  return Number.isNaN(value) ? undefined : value;
}

/** Lines such as `8:0 Read 4096`. */
function throttleBytes(text: string): Transferred {
  return sumOf(text, /^\d+:\d+ Read (\d+)$/gm, /^\d+:\d+ Write (\d+)$/gm);
}

/** Lines such as `8:0 rbytes=4096 wbytes=0 rios=1 …`. */
function ioStatBytes(text: string): Transferred {
  return sumOf(text, /\brbytes=(\d+)/g, /\bwbytes=(\d+)/g);
}

function sumOf(text: string, inPattern: RegExp, outPattern: RegExp): Transferred {
  const sum = (pattern: RegExp) => [...text.matchAll(pattern)].reduce((total, [, bytes]) => total + Number(bytes), 0);
  return { inBytes: sum(inPattern), outBytes: sum(outPattern) };
}

function reading(fields: { readonly [K in keyof CgroupReading]: CgroupReading[K] | undefined }): CgroupReading {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

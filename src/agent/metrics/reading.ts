/** Where the files of the host are, from where this process sees them. */
export interface HostFiles {
  /** In front of every path of the host: empty, or where a container has the host's root. */
  readonly root: string;
}

/** Ticks of a processor since the host started. */
export interface CpuTicks {
  readonly total: number;
  readonly idle: number;
}

export interface Transferred {
  readonly inBytes: number;
  readonly outBytes: number;
}

export interface SpaceReading {
  readonly path: string;
  readonly totalBytes: number;
  readonly usedBytes: number;
  /** To an ordinary program. */
  readonly availableBytes: number;
}

/** What a host counts, at one moment. Counters only grow while it is up. */
export interface HostReading {
  readonly cpu: CpuTicks;
  readonly cpus: readonly CpuTicks[];
  readonly load: readonly [number, number, number];
  readonly memory: { readonly totalBytes: number; readonly availableBytes: number };
  readonly swap: { readonly totalBytes: number; readonly freeBytes: number };
  readonly disks: readonly SpaceReading[];
  readonly io?: Transferred;
  readonly network?: Transferred;
  readonly processes: number;
  readonly pressure?: { readonly cpu: number; readonly memory: number; readonly io: number };
  readonly uptimeSeconds: number;
}

/** What one container has used since it started. What cannot be read is not there. */
export interface ContainerReading {
  readonly id: string;
  readonly cpuNanoseconds?: number;
  readonly memoryBytes?: number;
  readonly memoryLimitBytes?: number;
  readonly io?: Transferred;
  readonly network?: Transferred;
  readonly processes?: number;
}

/** All that one look at a host gave. */
export interface Reading {
  /** By the kernel's monotonic clock, the same for each process of a host. */
  readonly atMs: number;
  readonly host?: HostReading;
  /** Of those asked for that were found. */
  readonly containers: readonly ContainerReading[];
}

export interface ReadingRequest {
  readonly host: boolean;
  /** Ids of containers. */
  readonly containers: readonly string[];
}

/** Something that can look at a host. */
export interface ReadingSource {
  read(request: ReadingRequest, signal: AbortSignal): Promise<Reading>;
}

export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

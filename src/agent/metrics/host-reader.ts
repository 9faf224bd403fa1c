import { blockDevices, networkDevices } from './devices.ts';
import { DiskSpace, disksOf } from './disks.ts';
import { cpuTicksOf, diskTransferOf, loadOf, memoryOf, pressureOf, trafficOf } from './host-files.ts';
import type { HostFiles, HostReading } from './reading.ts';
import { readNames, readText } from './text-file.ts';

const rereadMs = 60_000;

/** Reads what a Linux host tells of itself in /proc. */
export class HostReader {
  readonly #proc: string;
  /** A process of the host: ours, or the first one where this is a container. */
  readonly #process: string;
  readonly #network: ReturnType<typeof networkDevices>;
  readonly #block: ReturnType<typeof blockDevices>;
  readonly #space: DiskSpace;
  #disks: readonly string[] = [];
  #disksReadAtMs = Number.NEGATIVE_INFINITY;

  constructor({ root }: HostFiles) {
    this.#proc = `${root}/proc`;
    this.#process = root === '' ? 'self' : '1';
    this.#network = networkDevices(root);
    this.#block = blockDevices(root);
    this.#space = new DiskSpace(root);
  }

  /** Undefined where there is no such /proc, as on another system than Linux. */
  async read(nowMs: number): Promise<HostReading | undefined> {
    const text = (name: string) => readText(`${this.#proc}/${name}`);
    const ticks = cpuTicksOf(text('stat') ?? '');
    const memory = text('meminfo');
    if (ticks === undefined || memory === undefined) return undefined;
    const traffic = text(`${this.#process}/net/dev`);
    const transfer = text('diskstats');
    const pressure = this.#pressure();
    return {
      cpu: ticks.all,
      cpus: ticks.each,
      load: loadOf(text('loadavg') ?? ''),
      ...memoryOf(memory),
      ...(transfer !== undefined && { io: diskTransferOf(transfer, this.#block.test(nowMs)) }),
      ...(traffic !== undefined && { network: trafficOf(traffic, this.#network.test(nowMs)) }),
      processes: countProcesses(readNames(this.#proc)),
      ...(pressure !== undefined && { pressure }),
      uptimeSeconds: Number.parseFloat(text('uptime') ?? '0'),
      disks: await this.#space.read(this.#mounted(nowMs)),
    };
  }

  /** Not each time: a host with many containers has many mounts. */
  #mounted(nowMs: number): readonly string[] {
    if (nowMs - this.#disksReadAtMs >= rereadMs) {
      this.#disksReadAtMs = nowMs;
      const mounts = readText(`${this.#proc}/${this.#process}/mounts`) ?? '';
      this.#disks = disksOf(Buffer.from(mounts, 'latin1').toString('utf8'));
    }
    return this.#disks;
  }

  #pressure(): HostReading['pressure'] {
    const share = (name: string) => pressureOf(readText(`${this.#proc}/pressure/${name}`) ?? '');
    const [cpu, memory, io] = [share('cpu'), share('memory'), share('io')];
    return cpu === undefined || memory === undefined || io === undefined ? undefined : { cpu, memory, io };
  }
}

function countProcesses(names: readonly string[]): number {
  let count = 0;
  for (const name of names) {
    const first = name.charCodeAt(0);
    if (first >= 48 && first <= 57) count += 1;
  }
  return count;
}

import type { CpuTicks, HostReading, Transferred } from './reading.ts';

const mostProcessors = 4_096;
const switchedOff: CpuTicks = { total: 0, idle: 0 };

/** `/proc/stat`: all processors, then each at the place of its number: one that is switched off has no line, and no ticks. */
export function cpuTicksOf(text: string): { all: CpuTicks; each: CpuTicks[] } | undefined {
  const each: CpuTicks[] = [];
  let all: CpuTicks | undefined;
  for (const line of text.split('\n', mostProcessors)) {
    if (!line.startsWith('cpu')) break;
    const [name = '', ...fields] = line.split(/ +/);
    const ticks = ticksOf(fields);
    const number = Number(name.slice(3));
    if (name === 'cpu') all = ticks;
    else if (number < mostProcessors) {
      while (each.length < number) each.push(switchedOff);
      each.push(ticks);
    }
  }
  return all && { all, each };
}

/** user nice system idle iowait irq softirq steal; guests are in user and nice already. */
function ticksOf(fields: readonly string[]): CpuTicks {
  const counts = fields.slice(0, 8).map(Number);
  const total = counts.reduce((sum, count) => sum + count, 0);
  return { total, idle: (counts[3] ?? 0) + (counts[4] ?? 0) };
}

export function memoryOf(text: string): Pick<HostReading, 'memory' | 'swap'> {
  const bytes = (name: string) => {
    const at = text.indexOf(`${name}:`);
    return at < 0 ? undefined : Number.parseInt(text.slice(at + name.length + 1), 10) * 1024;
  };
  const free = () => (bytes('MemFree') ?? 0) + (bytes('Buffers') ?? 0) + (bytes('\nCached') ?? 0);
  return {
    // Kernels before 3.14 do not estimate it themselves.
    memory: { totalBytes: bytes('MemTotal') ?? 0, availableBytes: bytes('MemAvailable') ?? free() },
    swap: { totalBytes: bytes('SwapTotal') ?? 0, freeBytes: bytes('SwapFree') ?? 0 },
  };
}

export function loadOf(text: string): [number, number, number] {
  const [one = 0, five = 0, fifteen = 0] = text.split(' ', 3).map(Number);
  return [one, five, fifteen];
}

/** `some avg10` of a file of `/proc/pressure`, as a share. */
export function pressureOf(text: string): number | undefined {
  const found = /^some avg10=([0-9.]+)/.exec(text)?.[1];
  return found === undefined ? undefined : Number(found) / 100;
}

/** Bytes by interface, of a file such as `/proc/net/dev`. */
export function trafficOf(text: string, counts: (name: string) => boolean): Transferred {
  let inBytes = 0;
  let outBytes = 0;
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon < 0 || !counts(line.slice(0, colon).trim())) continue;
    const fields = line
      .slice(colon + 1)
      .trim()
      .split(/ +/);
    inBytes += Number(fields[0] ?? 0);
    outBytes += Number(fields[8] ?? 0);
  }
  return { inBytes, outBytes };
}

/** The kernel's unit there, whatever the device's. */
const sectorBytes = 512;

/** Bytes read and written by the disks that count, of `/proc/diskstats`. */
export function diskTransferOf(text: string, counts: (name: string) => boolean): Transferred {
  let inBytes = 0;
  let outBytes = 0;
  for (const line of text.split('\n')) {
    const fields = line.trim().split(/ +/);
    if (!counts(fields[2] ?? '')) continue;
    inBytes += Number(fields[5] ?? 0) * sectorBytes;
    outBytes += Number(fields[9] ?? 0) * sectorBytes;
  }
  return { inBytes, outBytes };
}

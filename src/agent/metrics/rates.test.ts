import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostSampleSchema } from '../../contracts/metrics.ts';
import { hostSampleOf, secondsSince, workspaceSampleOf } from './rates.ts';
import type { ContainerReading, HostReading } from './reading.ts';

function aReading(changes: Partial<HostReading> = {}): HostReading {
  return {
    cpu: { total: 1000, idle: 600 },
    cpus: [{ total: 1000, idle: 600 }],
    load: [1, 2, 3],
    memory: { totalBytes: 100, availableBytes: 40 },
    swap: { totalBytes: 10, freeBytes: 4 },
    disks: [],
    io: { inBytes: 1000, outBytes: 2000 },
    network: { inBytes: 1000, outBytes: 2000 },
    processes: 5,
    uptimeSeconds: 60,
    ...changes,
  };
}

test('rates are per second since the look before', () => {
  const now = aReading({
    cpu: { total: 1200, idle: 650 },
    cpus: [
      { total: 1200, idle: 800 },
      { total: 50, idle: 50 },
    ],
    io: { inBytes: 3000, outBytes: 2000 },
    network: { inBytes: 1500, outBytes: 2250 },
  });

  const sample = hostSampleOf(now, { before: aReading(), seconds: 2 });

  assert.deepEqual(hostSampleSchema.parse(sample), {
    cpu: 0.75,
    cpus: [0, 0],
    load: [1, 2, 3],
    memory: { totalBytes: 100, usedBytes: 60, availableBytes: 40 },
    swap: { totalBytes: 10, usedBytes: 6 },
    disks: [],
    io: { readBytesPerSecond: 1000, writeBytesPerSecond: 0 },
    network: { receivedBytesPerSecond: 250, sentBytesPerSecond: 125 },
    processes: 5,
    uptimeSeconds: 60,
  });
});

test('the first look, and counters that began anew, have no rates', () => {
  const first = hostSampleOf(aReading(), { before: undefined, seconds: undefined });
  const later = aReading({ cpu: { total: 10, idle: 5 }, io: { inBytes: 1, outBytes: 2 } });
  const restarted = hostSampleOf(later, { before: aReading(), seconds: 10 });

  assert.deepEqual([first.cpu, first.io, first.network], [undefined, undefined, undefined]);
  assert.deepEqual([restarted.cpu, restarted.io], [undefined, undefined]);
  assert.deepEqual(restarted.network, { receivedBytesPerSecond: 0, sentBytesPerSecond: 0 });
});

test('a processor that was switched on meanwhile has no time between', () => {
  const [off, on] = [
    { total: 0, idle: 0 },
    { total: 500, idle: 100 },
  ];
  const before = aReading({ cpus: [on, off] });
  const now = aReading({ cpu: { total: 1200, idle: 700 }, cpus: [{ total: 600, idle: 150 }, on] });

  const { cpus } = hostSampleOf(now, { before, seconds: 1 });

  assert.deepEqual(cpus, [0.5, 0]);
});

test('two looks at nearly the same time have nothing between them', () => {
  const at = (atMs: number) => ({ atMs, containers: [] });

  assert.deepEqual(
    [secondsSince(undefined, at(5)), secondsSince(at(5), at(6)), secondsSince(at(0), at(2000))],
    [undefined, undefined, 2],
  );
});

test('a workspace uses as many processors as it had time of', () => {
  const before: ContainerReading = { id: 'a', cpuNanoseconds: 1e9, io: { inBytes: 0, outBytes: 0 } };
  const now: ContainerReading = {
    id: 'a',
    cpuNanoseconds: 16e9,
    memoryBytes: 7,
    processes: 3,
    io: { inBytes: 20, outBytes: 10 },
  };

  const sample = workspaceSampleOf({ name: 'web', restarts: 2 }, now, { before, seconds: 10 });
  const stopped = workspaceSampleOf({ name: 'web', restarts: 2 }, undefined, { before, seconds: 10 });

  assert.deepEqual(sample, {
    name: 'web',
    restarts: 2,
    cpus: 1.5,
    memoryBytes: 7,
    io: { readBytesPerSecond: 2, writeBytesPerSecond: 1 },
    processes: 3,
  });
  assert.deepEqual(stopped, { name: 'web', restarts: 2 });
});

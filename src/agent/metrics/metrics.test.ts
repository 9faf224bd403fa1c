import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { plainBuild, programContext } from '../../../test/support/busybox-image.ts';
import { engineForTests } from '../../../test/support/engine.ts';
import { waitUntil } from '../../base/deadline.ts';
import { AppError } from '../../contracts/errors.ts';
import { defaultHostSettings, type HostSettings } from '../../contracts/fleet.ts';
import { hostLabels } from '../../contracts/fleet-names.ts';
import { type MetricsSample, metricsSampleSchema } from '../../contracts/metrics.ts';
import { dockerHostEngine } from '../../engine/docker-host.ts';
import { parseEngineHost } from '../../engine/endpoint.ts';
import { SuiteHost } from '../../engine/suite-host.ts';
import { HelperSource, hostRoot } from './helper-source.ts';
import { LocalSource } from './local-source.ts';
import { createMetrics, type MetricsOptions } from './metrics.ts';
import type { Reading } from './reading.ts';
import { SourceChoice } from './source-choice.ts';

const { engine: reached, skip } = await engineForTests();
const mebibyte = 1024 * 1024;
const never = new AbortController().signal;

describe('metrics of a real engine', { skip, concurrency: false }, () => {
  const host = new SuiteHost();
  const hostId = host.labels[hostLabels.host];
  const nodeTag = `${host.named('node')}:latest`;
  const endpoint = () => parseEngineHost(reached?.address ?? '', 'test');
  before(() => host.open(async () => ({ engine: dockerHostEngine({ endpoint: endpoint() }), close: async () => {} })));
  afterEach(() => host.sweep());
  after(() => host.close());

  const metricsOf = (options: Partial<MetricsOptions> = {}) =>
    createMetrics({ engine: host.engine, settings: () => defaultHostSettings, hostId: () => hostId, ...options });

  test('a workspace is told as the engine tells it', async () => {
    const work = 'while :; do echo x >>/file; done & ping 127.0.0.1 & sync; wait';
    const id = await host.start('busy', { command: ['sh', '-c', work], memory: '128m' });
    const own = new LocalSource({ root: '' });
    await waitUntil('it to be at work', async () => (await host.engine.usageOf(id)).processes >= 3);

    const before = await host.engine.usageOf(id);
    const [counted] = (await own.read({ host: false, containers: [id] })).containers;
    const after = await host.engine.usageOf(id);

    assert.ok(isBetween(before.cpuNanoseconds, counted?.cpuNanoseconds, after.cpuNanoseconds));
    assert.ok(isBetween(before.readBytes, counted?.io?.inBytes, after.readBytes));
    assert.ok(isBetween(before.writtenBytes, counted?.io?.outBytes, after.writtenBytes));
    assert.ok(isBetween(before.receivedBytes, counted?.network?.inBytes, after.receivedBytes));
    assert.ok(isBetween(before.sentBytes, counted?.network?.outBytes, after.sentBytes));
    assert.equal(counted?.memoryLimitBytes, 128 * mebibyte);
    // What the kernel may drop at once goes up and down with what is written.
    await waitUntil('the same memory and processes', async () => {
      const [{ memoryBytes = 0, processes } = { memoryBytes: 0 }] = (await own.read({ host: false, containers: [id] }))
        .containers;
      const told = await host.engine.usageOf(id);
      return processes === told.processes && Math.abs(memoryBytes - told.memoryBytes) < mebibyte;
    });
  });

  test('a busy workspace has rates from the second sample on', async () => {
    await host.start('busy', { command: ['sh', '-c', 'while :; do :; done'] });
    const metrics = metricsOf();

    const first = await metrics.readSample(never);
    const second = await busySample('a sample with time between', () => metrics.readSample(never));

    metricsSampleSchema.parse(first);
    const [workspace] = metricsSampleSchema.parse(second).workspaces ?? [];
    assert.deepEqual(
      first.workspaces?.map(({ name, cpus }) => [name, cpus]),
      [[host.named('busy'), undefined]],
    );
    assert.ok(workspace?.network !== undefined && workspace.io !== undefined);
    assert.equal(metrics.metricsFrom, 'host');
  });

  test('a live sample has rates at once, and takes nothing from those of the heartbeats', async () => {
    await host.start('watched', { command: ['sh', '-c', 'while :; do :; done'] });
    const metrics = metricsOf();
    const first = await metrics.readSample(never);

    await busySample('a live sample with time between', () => metrics.readLiveSample(never));
    const second = await metrics.readSample(never);

    assert.equal(first.workspaces?.[0]?.cpus, undefined);
    assert.ok((second.workspaces?.[0]?.cpus ?? 0) > 0);
  });

  test('what is switched off is not there, and a workspace that is stopped tells its restarts alone', async () => {
    await host.create('stopped');
    const settings: HostSettings = {
      ...defaultHostSettings,
      metrics: { host: false, gpu: false, workspaces: true, retentionDays: 30 },
    };
    const off = { ...settings, metrics: { ...settings.metrics, workspaces: false } };

    const { at: _, ...sample } = await metricsOf({ settings: () => settings }).readSample(never);
    const { at: __, ...nothing } = await metricsOf({ settings: () => off }).readSample(never);

    assert.deepEqual(sample, { workspaces: [{ name: host.named('stopped'), restarts: 0 }] });
    assert.deepEqual(nothing, {});
  });

  test('an engine that does not answer leaves workspaces unknown, and the host is told all the same', async () => {
    const engine = { ...host.engine, observeContainers: () => Promise.reject(new AppError('unreachable', 'gone')) };

    const sample = await metricsOf({ engine, nvidia: { read: async () => undefined } }).readSample(never);

    assert.deepEqual(Object.keys(sample).sort(), ['at', 'host']);
  });

  test('without the host’s files the engine is asked, and that is said', async () => {
    await host.start('asked', { memory: '64m' });
    const lines: string[] = [];
    const broken = { read: () => Promise.reject(new AppError('refused', 'no host namespaces')), close: async () => {} };
    const choice = new SourceChoice({
      engine: host.engine,
      local: undefined,
      helper: broken,
      log: (line) => lines.push(line),
    });
    const { id } = await host.see('asked');

    const reading = await choice.read({ host: true, containers: [id] }, never);

    assert.equal(reading.host, undefined);
    assert.deepEqual(
      reading.containers.map(({ memoryLimitBytes }) => memoryLimitBytes),
      [64 * mebibyte],
    );
    assert.equal(choice.from, 'engine');
    assert.match(lines.join(), /from the engine alone.*no host namespaces/);
  });

  test('a helper container tells the host’s own figures, and is gone afterwards', { timeout: 120_000 }, async (t) => {
    const dockerfile = 'FROM scratch\nCOPY root /\n';
    const image = await host.engine.build(await programContext(process.execPath, dockerfile, {}), {
      ...plainBuild,
      tag: nodeTag,
    });
    const command = [process.execPath, join(hostRoot, import.meta.dirname, 'helper-main.ts')];
    const source = new HelperSource({ engine: host.engine, image, command, hostId: () => hostId });
    t.after(() => source.close());
    const id = await host.start('seen', { memory: '64m' });

    const own = new LocalSource({ root: '' });
    const request = { host: true, containers: [id] };
    const earlier = await own.read(request);

    const seen = await source.read(request, never);
    const later = await own.read(request);

    assert.ok(isBetween(earlier.atMs, seen.atMs, later.atMs));
    const figures = figuresOf(seen);
    const [before, after] = [figuresOf(earlier), figuresOf(later)];
    for (const [name, value] of Object.entries(figures)) {
      assert.ok(isBetween(before[name], value, after[name]), `${name}: ${before[name]} ${value} ${after[name]}`);
    }
    assert.deepEqual(Object.keys(figures), Object.keys(before));
    assert.deepEqual(disksOf(seen), disksOf(earlier));
    assert.ok(seen.host && later.host);
    assert.ok(Math.abs(seen.host.processes - later.host.processes) < 50);
    assert.ok(Math.abs(seen.host.memory.availableBytes - later.host.memory.availableBytes) < 1024 * mebibyte);
    assert.ok(Math.abs(seen.host.load[2] - later.host.load[2]) < 1);
    assert.equal(seen.host.pressure === undefined, later.host.pressure === undefined);
    assert.deepEqual(
      seen.containers.map(({ memoryLimitBytes }) => memoryLimitBytes),
      [64 * mebibyte],
    );
    await source.close();
    const left = (await host.engine.observeContainers()).filter(
      ({ labels }) => labels[hostLabels.host] === hostId && labels[hostLabels.kind] === 'helper',
    );
    assert.deepEqual(left, []);
  });

  test('a helper that an agent left behind is removed by the next', { timeout: 120_000 }, async (t) => {
    const labels = { [hostLabels.host]: hostId, [hostLabels.kind]: 'helper', [hostLabels.name]: 'metrics' };
    const end = new AbortController();
    const leftBehind = host.engine.runHelper(
      { image: host.imageId, command: ['sleep', '1000'], labels, binds: [], hostNamespaces: false, onOutput: () => {} },
      end.signal,
    );
    t.after(() => end.abort());
    leftBehind.catch(() => undefined);
    const helpers = async () =>
      (await host.engine.observeContainers()).filter(
        (container) => container.labels[hostLabels.kind] === 'helper' && container.labels[hostLabels.host] === hostId,
      );
    await waitUntil('the helper', async () => (await helpers()).some(({ status }) => status === 'running'));
    const source = new HelperSource({
      engine: host.engine,
      image: host.imageId,
      command: ['false'],
      hostId: () => hostId,
    });

    await assert.rejects(source.read({ host: true, containers: [] }, never));

    await waitUntil('nothing left', async () => (await helpers()).length === 0);
  });
});

/** Those that only grow, or stay. */
function figuresOf({ host, containers: [container] }: Reading): Record<string, number | undefined> {
  return {
    memory: host?.memory.totalBytes,
    swap: host?.swap.totalBytes,
    uptime: host?.uptimeSeconds,
    cpu: host?.cpu.total,
    ...Object.fromEntries((host?.cpus ?? []).map(({ total }, number) => [`cpu ${number}`, total])),
    read: host?.io?.inBytes,
    written: host?.io?.outBytes,
    received: host?.network?.inBytes,
    sent: host?.network?.outBytes,
    'cpu of the container': container?.cpuNanoseconds,
    'received by the container': container?.network?.inBytes,
    'sent by the container': container?.network?.outBytes,
  };
}

/** Those that other tests do not make and remove. */
function disksOf({ host }: Reading): (readonly [string, number])[] {
  const disks = (host?.disks ?? []).filter(({ path }) => !path.startsWith('/tmp'));
  return disks.map(({ path, totalBytes }) => [path, totalBytes]);
}

/** On a machine with much to do a workspace may not get on between two samples. */
async function busySample(what: string, read: () => Promise<MetricsSample>): Promise<MetricsSample> {
  return await waitUntil(what, async () => {
    const sample = await read();
    return (sample.workspaces?.[0]?.cpus ?? 0) > 0 ? sample : undefined;
  });
}

function isBetween(...values: (number | undefined)[]): boolean {
  return values.every((value, index) => value !== undefined && (index === 0 || value >= (values[index - 1] ?? 0)));
}

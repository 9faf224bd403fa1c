import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { programContext } from '../../../test/support/busybox-image.ts';
import { engineForTests } from '../../../test/support/engine.ts';
import { waitUntil } from '../../base/deadline.ts';
import { AppError } from '../../contracts/errors.ts';
import { defaultHostSettings, type HostSettings } from '../../contracts/fleet.ts';
import { hostLabels } from '../../contracts/fleet-names.ts';
import { metricsSampleSchema } from '../../contracts/metrics.ts';
import { dockerHostEngine } from '../../engine/docker-host.ts';
import { parseEngineHost } from '../../engine/endpoint.ts';
import { SuiteHost } from '../../engine/suite-host.ts';
import { HelperSource, hostRoot } from './helper-source.ts';
import { LocalSource } from './local-source.ts';
import { createMetrics, type MetricsOptions } from './metrics.ts';
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

  test('a busy workspace is told as the engine tells it, and its rates from the second sample on', async () => {
    await host.start('busy', { command: ['sh', '-c', 'while :; do :; done'], memory: '128m' });
    const metrics = metricsOf();

    const first = await metrics.readSample(never);
    const second = await waitUntil('a sample with time between', async () => {
      const sample = await metrics.readSample(never);
      return (sample.workspaces?.[0]?.cpus ?? 0) > 0 && sample;
    });
    const usage = await host.engine.usageOf(host.named('busy'));

    metricsSampleSchema.parse(first);
    const [workspace] = metricsSampleSchema.parse(second).workspaces ?? [];
    assert.equal(first.workspaces?.[0]?.cpus, undefined);
    assert.equal(workspace?.name, host.named('busy'));
    assert.equal(workspace.memoryLimitBytes, 128 * mebibyte);
    assert.equal(workspace.processes, 1);
    assert.ok(Math.abs((workspace.memoryBytes ?? 0) - usage.memoryBytes) < mebibyte);
    assert.ok(workspace.network !== undefined);
    assert.equal(metrics.metricsFrom, 'host');
  });

  test('a live sample has rates at once, and takes nothing from those of the heartbeats', async () => {
    await host.start('watched', { command: ['sh', '-c', 'while :; do :; done'] });
    const metrics = metricsOf();
    const first = await metrics.readSample(never);

    const live = await waitUntil('a live sample with time between', async () => {
      const sample = await metrics.readLiveSample(never);
      return sample.workspaces?.[0]?.cpus === undefined ? undefined : sample;
    });
    const second = await metrics.readSample(never);

    assert.equal(first.workspaces?.[0]?.cpus, undefined);
    assert.ok((live.workspaces?.[0]?.cpus ?? 0) > 0);
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
      tag: nodeTag,
      dockerfile: 'Dockerfile',
      args: {},
      labels: {},
      target: undefined,
      useCache: true,
      pullBase: false,
    });
    const command = [process.execPath, join(hostRoot, import.meta.dirname, 'helper-main.ts')];
    const source = new HelperSource({ engine: host.engine, image, command, hostId: () => hostId });
    t.after(() => source.close());
    const id = await host.start('seen', { memory: '64m' });

    const first = await source.read({ host: true, containers: [id] }, never);
    const second = await source.read({ host: true, containers: [id] }, never);
    const own = await new LocalSource({ root: '' }).read({ host: true, containers: [id] });

    assert.ok(first.host && second.host && own.host);
    assert.ok(second.atMs > first.atMs && own.atMs > second.atMs);
    assert.equal(second.host.memory.totalBytes, own.host.memory.totalBytes);
    assert.deepEqual(second.host.swap.totalBytes, own.host.swap.totalBytes);
    assert.ok(isBetween(first.host.cpu.total, second.host.cpu.total, own.host.cpu.total));
    assert.ok(isBetween(first.host.network?.inBytes, second.host.network?.inBytes, own.host.network?.inBytes));
    const rootOf = ({ disks = [] }: NonNullable<typeof own.host>) => disks.find(({ path }) => path === '/')?.totalBytes;
    assert.equal(rootOf(second.host), rootOf(own.host));
    assert.ok(Math.abs(second.host.processes - own.host.processes) < 50);
    assert.deepEqual(
      second.containers.map(({ memoryLimitBytes }) => memoryLimitBytes),
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

function isBetween(...values: (number | undefined)[]): boolean {
  return values.every((value, index) => value !== undefined && (index === 0 || value >= (values[index - 1] ?? 0)));
}

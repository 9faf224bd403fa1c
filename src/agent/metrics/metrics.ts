import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withDeadline } from '../../base/deadline.ts';
import type { HostFacts, HostSettings } from '../../contracts/fleet.ts';
import type { MetricsSample } from '../../contracts/metrics.ts';
import type { HostEngine } from '../../engine/host-engine.ts';
import { HelperSource } from './helper-source.ts';
import { LocalSource } from './local-source.ts';
import { Nvidia } from './nvidia.ts';
import { hostSampleOf, secondsSince, workspaceSampleOf } from './rates.ts';
import type { HostFiles, Reading, ReadingRequest } from './reading.ts';
import { SourceChoice } from './source-choice.ts';
import { type MeasuredContainer, measuredOf } from './workspaces.ts';

/** What a host tells of itself does not wait longer for what its engine tells. */
const engineMs = 10_000;

export interface MetricsOptions {
  readonly engine: HostEngine;
  /** As the server last sent them. */
  readonly settings: () => HostSettings;
  /** Whose workspaces are measured; undefined before the agent is registered. */
  readonly hostId: () => string | undefined;
  /** Of the agent's own image, where it runs in a container: the host is then looked at through a helper container. Default: it does not. */
  readonly ownImage?: string | undefined;
  /** Where the host's files are. Default: at their places. */
  readonly files?: HostFiles;
  readonly nvidia?: Pick<Nvidia, 'read'>;
  readonly log?: (line: string) => void;
}

export interface Metrics {
  /** For a heartbeat: its rates are since the one before. What is switched off or cannot be read is not in it; it never fails. */
  readSample(signal: AbortSignal): Promise<MetricsSample>;
  /** The same with rates since the last sample of either kind, for a live view between heartbeats. */
  readLiveSample(signal: AbortSignal): Promise<MetricsSample>;
  /** Where what it read last came from. */
  readonly metricsFrom: HostFacts['metricsFrom'];
  gpuNames(): Promise<string[]>;
  close(): Promise<void>;
}

export function createMetrics(options: MetricsOptions): Metrics {
  const log = options.log ?? (() => undefined);
  const { engine, hostId, ownImage } = options;
  const helper =
    ownImage === undefined
      ? undefined
      : new HelperSource({ engine, image: ownImage, command: helperCommand(), hostId });
  const local = helper === undefined ? new LocalSource(options.files ?? { root: '' }) : undefined;
  const sources = new SourceChoice({ engine, local, helper, log });
  const sampler = { ...options, sources, nvidia: options.nvidia ?? new Nvidia(), log };
  const last: LastReading = {};
  const heartbeats = new Sampler(sampler, { last, comparesWithAny: false });
  const live = new Sampler(sampler, { last, comparesWithAny: true });
  return {
    readSample: (signal) => heartbeats.read(signal),
    readLiveSample: (signal) => live.read(signal),
    get metricsFrom() {
      return sources.from;
    },
    gpuNames: async () => ((await sampler.nvidia.read()) ?? []).map(({ name }) => name),
    close: async () => helper?.close(),
  };
}

/** This Node, and the program beside this file: both at the same places in each container of this image. */
function helperCommand(): string[] {
  const own = fileURLToPath(import.meta.url);
  return [process.execPath, join(dirname(own), `helper-main${extname(own)}`)];
}

interface SamplerOptions extends MetricsOptions {
  readonly sources: SourceChoice;
  readonly nvidia: Pick<Nvidia, 'read'>;
  readonly log: (line: string) => void;
}

/** By whichever sampler. */
interface LastReading {
  reading?: Reading;
}

interface Comparison {
  readonly last: LastReading;
  /** With the last reading of any sampler; else with its own. */
  readonly comparesWithAny: boolean;
}

/** Makes samples of readings, each compared with one before. */
class Sampler {
  readonly #options: SamplerOptions;
  readonly #comparison: Comparison;
  #own: Reading | undefined;

  constructor(options: SamplerOptions, comparison: Comparison) {
    this.#options = options;
    this.#comparison = comparison;
  }

  async read(signal: AbortSignal): Promise<MetricsSample> {
    const { metrics } = this.#options.settings();
    const [workspaces, gpus] = await Promise.all([
      metrics.workspaces ? this.#workspaces(signal) : undefined,
      metrics.gpu ? this.#options.nvidia.read() : undefined,
    ]);
    const running = (workspaces ?? []).filter(({ isRunning }) => isRunning);
    const request = { host: metrics.host, containers: running.map(({ id }) => id) };
    const at = new Date().toISOString();
    return { at, ...(await this.#measured(request, workspaces, signal)), ...(gpus !== undefined && { gpus }) };
  }

  async #measured(
    request: ReadingRequest,
    measured: readonly MeasuredContainer[] | undefined,
    signal: AbortSignal,
  ): Promise<Pick<MetricsSample, 'host' | 'workspaces'>> {
    if (!request.host && measured === undefined) return {};
    const reading = await this.#options.sources.read(request, signal);
    const { last, comparesWithAny } = this.#comparison;
    const before = comparesWithAny ? last.reading : this.#own;
    this.#own = reading;
    last.reading = reading;
    const seconds = secondsSince(before, reading);
    const byId = new Map(reading.containers.map((container) => [container.id, container]));
    const byIdBefore = new Map(before?.containers.map((container) => [container.id, container]));
    const workspaces = measured?.map(({ id, name, restarts }) =>
      workspaceSampleOf({ name, restarts }, byId.get(id), { before: byIdBefore.get(id), seconds }),
    );
    return {
      ...(reading.host !== undefined && { host: hostSampleOf(reading.host, { before: before?.host, seconds }) }),
      ...(workspaces !== undefined && { workspaces }),
    };
  }

  /** Undefined while the engine does not tell: not known is not none. */
  async #workspaces(signal: AbortSignal): Promise<MeasuredContainer[] | undefined> {
    const owner = this.#options.hostId();
    if (owner === undefined) return undefined;
    try {
      return measuredOf(await this.#options.engine.observeContainers(withDeadline(engineMs, signal)), owner);
    } catch {
      return undefined; // The heartbeat tells that the engine does not answer.
    }
  }
}

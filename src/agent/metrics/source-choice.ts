import { withDeadline } from '../../base/deadline.ts';
import { retryDelayMs } from '../../base/retry.ts';
import type { HostFacts } from '../../contracts/fleet.ts';
import type { HostEngine } from '../../engine/host-engine.ts';
import { EngineSource } from './engine-source.ts';
import type { LocalSource } from './local-source.ts';
import { monotonicMs, type Reading, type ReadingRequest, type ReadingSource } from './reading.ts';

export interface SourceChoiceOptions {
  readonly engine: HostEngine;
  /** Where the host's files are this process's own. */
  readonly local: LocalSource | undefined;
  /** Where this process is in a container. */
  readonly helper: ReadingSource | undefined;
  readonly log: (line: string) => void;
}

const engineMs = 10_000;
const backoff = { delayMs: 30_000, maxDelayMs: 600_000, jitter: 0.2 };

/** The best source that works: the host's files, here or through a helper; else the engine. */
export class SourceChoice {
  readonly #options: SourceChoiceOptions;
  readonly #engine: EngineSource;
  #from: HostFacts['metricsFrom'];
  #failures = 0;
  #helperAgainAtMs = Number.NEGATIVE_INFINITY;
  /** A helper answers one question at a time. */
  #asked: Promise<unknown> = Promise.resolve();

  constructor(options: SourceChoiceOptions) {
    this.#options = options;
    this.#engine = new EngineSource(options.engine);
    this.#from = options.local === undefined ? 'helper' : 'host';
  }

  get from(): HostFacts['metricsFrom'] {
    return this.#from;
  }

  /** What fails is left out. */
  async read(request: ReadingRequest, signal: AbortSignal): Promise<Reading> {
    const turn = this.#asked.then(() => this.#read(request, signal));
    this.#asked = turn.catch(() => undefined);
    return turn;
  }

  async #read(request: ReadingRequest, signal: AbortSignal): Promise<Reading> {
    const { local } = this.#options;
    const seen = local === undefined ? await this.#throughHelper(request, signal) : await local.read(request);
    if (seen === undefined) return this.#throughEngine(request, signal);
    const found = new Set(seen.containers.map(({ id }) => id));
    const missing = request.containers.filter((id) => !found.has(id));
    if (missing.length === 0) return seen;
    // As on a host whose cgroups are elsewhere, such as one that runs its engine in a virtual machine.
    const { containers } = await this.#throughEngine({ host: false, containers: missing }, signal);
    return { ...seen, containers: [...seen.containers, ...containers] };
  }

  async #throughHelper(request: ReadingRequest, signal: AbortSignal): Promise<Reading | undefined> {
    const { helper, log } = this.#options;
    if (helper === undefined || monotonicMs() < this.#helperAgainAtMs) return undefined;
    try {
      const reading = await helper.read(request, signal);
      this.#failures = 0;
      this.#from = 'helper';
      return reading;
    } catch (error) {
      signal.throwIfAborted();
      this.#failures += 1;
      const waitMs = retryDelayMs(this.#failures, backoff);
      this.#helperAgainAtMs = monotonicMs() + waitMs;
      this.#from = 'engine';
      const why = error instanceof Error ? error.message : String(error);
      log(`metrics come from the engine alone, without the host's own, for ${Math.round(waitMs / 1000)} s: ${why}`);
      return undefined;
    }
  }

  async #throughEngine(request: ReadingRequest, signal: AbortSignal): Promise<Reading> {
    try {
      return await this.#engine.read(request, withDeadline(engineMs, signal));
    } catch {
      signal.throwIfAborted();
      return { atMs: monotonicMs(), containers: [] }; // The heartbeat tells that the engine does not answer.
    }
  }
}

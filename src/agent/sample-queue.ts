import * as z from 'zod';
import { type MetricsSample, metricsSampleSchema } from '../contracts/metrics.ts';
import type { AgentState } from './agent-state.ts';
import { readStored } from './stored.ts';

export interface SampleQueueOptions {
  readonly state: AgentState;
  /** Of JSON; the oldest go first. Default: 4 MiB. */
  readonly maxBytes?: number;
}

interface Kept {
  readonly sample: MetricsSample;
  readonly sizeBytes: number;
}

/** Of one heartbeat. */
const mostAtOnce = 500;
const defaults = { maxBytes: 4 * 1024 * 1024 };

/** Samples that the server has not yet, oldest first. */
export class SampleQueue {
  readonly #options: Required<SampleQueueOptions>;
  #kept: Kept[] = [];
  #sizeBytes = 0;

  constructor(options: SampleQueueOptions) {
    this.#options = { ...defaults, ...options };
  }

  get size(): number {
    return this.#kept.length;
  }

  add(sample: MetricsSample): void {
    const sizeBytes = JSON.stringify(sample).length;
    this.#kept.push({ sample, sizeBytes });
    this.#sizeBytes += sizeBytes;
    while (this.#sizeBytes > this.#options.maxBytes && this.#kept.length > 1) this.#forget(1);
  }

  /** Those to send now; they stay until `sent`. */
  peek(): MetricsSample[] {
    return this.#kept.slice(0, mostAtOnce).map(({ sample }) => sample);
  }

  sent(samples: readonly MetricsSample[]): void {
    const known = new Set(samples);
    let count = 0;
    while (count < this.#kept.length && known.has(this.#kept[count]?.sample as MetricsSample)) count += 1;
    this.#forget(count);
  }

  async save(): Promise<void> {
    const { state } = this.#options;
    if (this.#kept.length === 0) return await state.remove('samples.json');
    await state.write('samples.json', JSON.stringify(this.#kept.map(({ sample }) => sample)));
  }

  async load(): Promise<void> {
    const samples = await readStored(this.#options.state, 'samples.json', z.array(metricsSampleSchema));
    for (const sample of samples ?? []) this.add(sample);
  }

  #forget(count: number): void {
    for (const { sizeBytes } of this.#kept.splice(0, count)) this.#sizeBytes -= sizeBytes;
  }
}

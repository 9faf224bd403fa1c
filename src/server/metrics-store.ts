import type { SqliteDatabase } from '../base/sqlite-database.ts';
import type { HostSettings } from '../contracts/fleet.ts';
import type { HostId } from '../contracts/fleet-ids.ts';
import type { MetricsSample } from '../contracts/metrics.ts';
import type { MetricKind, MetricSeries } from '../contracts/routes-metrics.ts';
import { MetricsChunks } from './metrics-chunks.ts';
import { finest, levelFor, startOf, stepFor, type View } from './metrics-levels.ts';
import { gather, type TimedFigures } from './metrics-rollup.ts';
import { figuresOf } from './metrics-series.ts';
import { SeriesView, type ViewFrame } from './metrics-view.ts';
import { MetricsWindows, samplesOf } from './metrics-windows.ts';

export interface MetricsQuery extends View {
  readonly kind?: MetricKind | undefined;
  readonly of?: string | undefined;
  readonly series?: ReadonlySet<string> | undefined;
}

interface Waiting {
  readonly hostId: HostId;
  readonly at: number;
  /** As text, which is made when it comes and not of all at once. */
  readonly figures: string;
}

interface Latest {
  readonly sample: MetricsSample;
  /** When it was measured, by our clock. */
  readonly at: number;
}

/** Agents may be wrong about the time by this much before theirs is corrected. */
const clockToleranceMs = 5_000;
const dayMs = 86_400_000;
const mostWaiting = 20_000;

/** What hosts measured: the last of it in memory, a few minutes of samples, then points of ever coarser levels. */
export class MetricsStore {
  readonly #database: SqliteDatabase;
  readonly #chunks: MetricsChunks;
  readonly #windows: MetricsWindows;
  readonly #latest = new Map<HostId, Latest>();
  #waiting: Waiting[] = [];

  constructor(database: SqliteDatabase) {
    this.#database = database;
    this.#chunks = new MetricsChunks(database);
    this.#windows = new MetricsWindows(database, this.#chunks);
  }

  /** Undefined until the host has told, since the server started; or where it was measured before `since`. */
  latest(hostId: HostId, since = Number.NEGATIVE_INFINITY): MetricsSample | undefined {
    const latest = this.#latest.get(hostId);
    return latest === undefined || latest.at < since ? undefined : latest.sample;
  }

  /** A sample that is shown and not kept. */
  show(hostId: HostId, sample: MetricsSample, now: number): void {
    this.#latest.set(hostId, { sample, at: now });
  }

  /** Kept with the next `flush`. `aheadMs` is how far the agent's clock is before ours. */
  take(
    hostId: HostId,
    samples: readonly MetricsSample[],
    { now, aheadMs, metrics }: { now: number; aheadMs: number; metrics: HostSettings['metrics'] },
  ): void {
    const shiftMs = Math.abs(aheadMs) > clockToleranceMs ? aheadMs : 0;
    const oldest = now - metrics.retentionDays * dayMs;
    for (const sample of samples) {
      const at = Math.min(now, Date.parse(sample.at) - shiftMs);
      const figures = figuresOf(sample, metrics);
      if (figures.length > 0 && at > oldest) this.#waiting.push({ hostId, at, figures: JSON.stringify(figures) });
      this.#latest.set(hostId, { sample, at });
    }
  }

  /** Writes what was taken, all in one transaction. A sample that is sent twice is kept once. */
  flush(): void {
    const batch = this.#waiting;
    if (batch.length === 0) return;
    this.#waiting = [];
    const sql = `INSERT OR IGNORE INTO metric_samples (host_id, at, figures)
      SELECT host_id, ?, ? FROM hosts WHERE host_id = ?`;
    try {
      this.#database.relaxed(() => {
        for (const { hostId, at, figures } of batch)
          if (this.#database.run(sql, at, figures, hostId) > 0) this.#windows.note(hostId, at);
      });
    } catch (error) {
      // On a full disk the newest are kept until there is room again.
      this.#waiting = [...batch, ...this.#waiting].slice(-mostWaiting);
      throw error;
    }
  }

  /** Makes points of what is complete, a step each time it is asked to go on. */
  rollUp(now: number): Generator<void> {
    return this.#windows.rollUp(now);
  }

  prune(hostId: HostId, { retentionDays }: HostSettings['metrics'], now: number): void {
    this.#database.relaxed(() => this.#chunks.prune(hostId, retentionDays * dayMs, now));
  }

  view(hostId: HostId, query: MetricsQuery, now: number): ViewFrame & { series: MetricSeries[] } {
    const level = levelFor(query, now);
    const stepMs = stepFor(query, level);
    const from = startOf(query.from, stepMs);
    const frame = { from, stepMs, steps: Math.max(0, Math.ceil((query.to - from) / stepMs)) };
    const view = new SeriesView(frame, query.series);
    const { kind, of } = query;
    for (const chunk of this.#chunks.list({ hostId, level, from, to: query.to, kind, of })) view.add(chunk, level);
    for (const [start, samples] of this.#recent(hostId, from, query.to)) {
      for (const measured of gather(samples, start)) {
        const isWanted = (kind === undefined || measured.kind === kind) && (of === undefined || measured.of === of);
        if (isWanted) view.add({ ...measured, start }, finest);
      }
    }
    return { ...frame, series: view.all() };
  }

  /** What is not rolled up yet, by window. */
  #recent(hostId: HostId, from: number, to: number): Map<number, TimedFigures[]> {
    this.flush();
    const sql = 'SELECT at, figures FROM metric_samples WHERE host_id = ? AND at >= ? AND at < ? ORDER BY at';
    const samples = this.#database.all(sql, hostId, from, to).map(samplesOf);
    return Map.groupBy(samples, ({ at }) => startOf(at, finest.windowMs));
  }
}

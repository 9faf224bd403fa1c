import type { SqliteDatabase, SqlRow } from '../base/sqlite-database.ts';
import { type HostId, hostIdSchema } from '../contracts/fleet-ids.ts';
import type { Measured, MetricsChunks } from './metrics-chunks.ts';
import { finest, levels, startOf } from './metrics-levels.ts';
import { coarsen, gather, type MeasuredColumns, overlay, type Stretch, type TimedFigures } from './metrics-rollup.ts';
import type { Figures } from './metrics-series.ts';

/** Samples that come later than this after the end of their window are rolled up with the next ones. */
const graceMs = 15_000;

/** The windows whose samples are not points yet. They are kept in memory: to look for them is to read all samples. */
export class MetricsWindows {
  readonly #database: SqliteDatabase;
  readonly #chunks: MetricsChunks;
  /** By the start of the window, the hosts that have samples in it. */
  readonly #hosts = new Map<number, Set<HostId>>();
  #isFound = false;

  constructor(database: SqliteDatabase, chunks: MetricsChunks) {
    this.#database = database;
    this.#chunks = chunks;
  }

  /** A sample of this time is kept now. */
  note(hostId: HostId, at: number): void {
    const start = startOf(at, finest.windowMs);
    const hosts = this.#hosts.get(start);
    if (hosts === undefined) this.#hosts.set(start, new Set([hostId]));
    else hosts.add(hostId);
  }

  /** Makes points of what is complete, in steps of about a millisecond: in between there is room for something else. */
  *rollUp(now: number): Generator<void> {
    if (!this.#isFound) yield* this.#find();
    const before = startOf(now - graceMs, finest.windowMs);
    for (const [start, hosts] of this.#hosts) {
      if (start >= before) continue;
      for (const hostId of hosts) yield* this.#rollUpWindow(hostId, start);
      if (hosts.size === 0) this.#hosts.delete(start);
    }
  }

  /** Those that an earlier server left. */
  *#find(): Generator<void> {
    const sql = `SELECT DISTINCT at / ${finest.windowMs} AS "window" FROM metric_samples WHERE host_id = ?`;
    for (const host of this.#database.all('SELECT host_id FROM hosts')) {
      const hostId = hostIdSchema.parse(host['host_id']);
      for (const row of this.#database.all(sql, hostId)) this.note(hostId, Number(row['window']) * finest.windowMs);
      yield;
    }
    this.#isFound = true;
  }

  *#rollUpWindow(hostId: HostId, start: number): Generator<void> {
    const range = 'FROM metric_samples WHERE host_id = ? AND at >= ? AND at < ?';
    const of = [hostId, start, start + finest.windowMs] as const;
    const samples = this.#database.all(`SELECT at, figures ${range} ORDER BY at`, ...of).map(samplesOf);
    yield;
    for (const measured of gather(samples, start)) yield* this.#put(hostId, start, measured);
    // With one that came meanwhile all of them are rolled up again, which changes no other point.
    const isAll = `(SELECT count(*) ${range}) = ?`;
    const gone = this.#database.relaxed(() =>
      this.#database.run(`DELETE ${range} AND ${isAll}`, ...of, ...of, samples.length),
    );
    if (gone === samples.length) this.#hosts.get(start)?.delete(hostId);
    yield;
  }

  /** A level each step: whatever is cut short is made again from the same samples. */
  *#put(hostId: HostId, start: number, { kind, of, columns }: MeasuredColumns): Generator<void> {
    const whose = { hostId, kind, of };
    const known = this.#chunks.at({ ...whose, level: finest, start });
    overlay(known, columns);
    let fine: Stretch = { level: finest, start, columns: known };
    this.#keep(whose, fine);
    yield;
    for (const level of levels.slice(1)) {
      const place = { level, start: startOf(start, level.windowMs) };
      const coarse = { ...place, columns: this.#chunks.at({ ...whose, ...place }) };
      coarsen(fine, coarse, { from: start, to: start + finest.windowMs });
      this.#keep(whose, coarse);
      fine = coarse;
      yield;
    }
  }

  #keep(measured: Measured, { level, start, columns }: Stretch): void {
    this.#database.relaxed(() => this.#chunks.put({ ...measured, level, start }, columns));
  }
}

/** As `MetricsStore.flush` wrote it. */
export function samplesOf(row: SqlRow): TimedFigures {
  return { at: Number(row['at']), figures: JSON.parse(String(row['figures'])) as Figures[] }; // Nobody else writes it.
}

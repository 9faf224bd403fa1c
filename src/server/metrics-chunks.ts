import { bytesOf, type SqliteDatabase } from '../base/sqlite-database.ts';
import type { HostId } from '../contracts/fleet-ids.ts';
import { type MetricKind, metricKinds } from '../contracts/routes-metrics.ts';
import { type Columns, packColumns, unpackColumns } from './metrics-columns.ts';
import { type Level, levels } from './metrics-levels.ts';

/** Whose points a chunk holds. */
export interface Measured {
  readonly hostId: HostId;
  readonly kind: MetricKind;
  readonly of: string;
}

export interface ChunkPlace extends Measured {
  readonly level: Level;
  readonly start: number;
}

export interface Chunk {
  readonly kind: MetricKind;
  readonly of: string;
  readonly start: number;
  readonly columns: Columns;
}

export interface ChunkQuery {
  readonly hostId: HostId;
  readonly level: Level;
  readonly from: number;
  readonly to: number;
  readonly kind?: MetricKind | undefined;
  readonly of?: string | undefined;
}

/** Rolled-up metrics in the server's database. */
export class MetricsChunks {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  at({ hostId, level, kind, of, start }: ChunkPlace): Columns {
    const sql = `SELECT columns FROM metric_chunks WHERE host_id = ? AND level = ? AND kind = ? AND "of" = ? AND start = ?`;
    const row = this.#database.get(sql, hostId, level.level, kind, of, start);
    return row === undefined ? new Map() : unpackColumns(bytesOf(row, 'columns'));
  }

  put({ hostId, level, kind, of, start }: ChunkPlace, columns: Columns): void {
    const sql =
      'INSERT OR REPLACE INTO metric_chunks (host_id, level, kind, "of", start, columns) VALUES (?, ?, ?, ?, ?, ?)';
    this.#database.run(sql, hostId, level.level, kind, of, start, packColumns(columns));
  }

  /** Those with a point between. */
  list({ hostId, level, from, to, kind, of }: ChunkQuery): Chunk[] {
    const conditions = ['host_id = ?', 'level = ?', 'start > ?', 'start < ?'];
    const values: (string | number)[] = [hostId, level.level, from - level.windowMs, to];
    if (kind !== undefined) {
      conditions.push('kind = ?');
      values.push(kind);
    }
    if (of !== undefined) {
      conditions.push('"of" = ?');
      values.push(of);
    }
    const sql = `SELECT kind, "of", start, columns FROM metric_chunks WHERE ${conditions.join(' AND ')} ORDER BY start`;
    return this.#database.all(sql, ...values).map((row) => ({
      kind: kindOf(row['kind']),
      of: String(row['of']),
      start: Number(row['start']),
      columns: unpackColumns(bytesOf(row, 'columns')),
    }));
  }

  /** Removes what is older than each level is kept, and the host's settings allow. */
  prune(hostId: HostId, retentionMs: number, now: number): void {
    for (const { level, windowMs, keepMs } of levels) {
      const sql = 'DELETE FROM metric_chunks WHERE host_id = ? AND level = ? AND start < ?';
      this.#database.run(sql, hostId, level, now - Math.min(keepMs, retentionMs) - windowMs);
    }
  }
}

function kindOf(value: unknown): MetricKind {
  return metricKinds.find((kind) => kind === value) ?? 'host';
}

import type { SqliteDatabase } from '../base/sqlite-database.ts';
import { type BuildId, type BuildLines, buildLogLimits } from '../contracts/builds.ts';
import type { HostId } from '../contracts/fleet-ids.ts';

export interface KeptLines {
  /** Number of the first one. */
  readonly first: number;
  readonly lines: readonly string[];
  /** Number of the next one that is to come. */
  readonly next: number;
}

const readAtOnce = 2_000;
const forgottenAtOnce = 500;

/** Lines of builds: the newest, by number. */
export class BuildLogs {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  /** What was told before is not taken again. */
  add(hostId: HostId, { buildId, first, lines }: BuildLines): void {
    const { next, bytes } = this.#extent(hostId, buildId);
    let added = 0;
    for (const [index, line] of lines.entries()) {
      if (first + index < next) continue;
      this.#database.run('INSERT INTO build_lines VALUES (?, ?, ?, ?)', hostId, buildId, first + index, line);
      added += Buffer.byteLength(line);
    }
    const end = Math.max(next, first + lines.length);
    this.#setExtent(hostId, buildId, { next: end, bytes: bytes + added });
    this.#forgetOldest(hostId, buildId);
  }

  read(hostId: HostId, buildId: BuildId, from: number): KeptLines {
    const { next } = this.#extent(hostId, buildId);
    const rows = this.#database.all(
      'SELECT line, text FROM build_lines WHERE host_id = ? AND build_id = ? AND line >= ? ORDER BY line LIMIT ?',
      hostId,
      buildId,
      from,
      readAtOnce,
    );
    const first = rows[0] === undefined ? Math.max(from, next) : Number(rows[0]['line']);
    // Up to the next gap, which the reader learns of by asking on.
    const joined = rows.filter((row, index) => Number(row['line']) === first + index);
    return { first, lines: joined.map((row) => String(row['text'])), next };
  }

  #forgetOldest(hostId: HostId, buildId: BuildId): void {
    for (;;) {
      const { next, bytes } = this.#extent(hostId, buildId);
      const count = Number(
        this.#database.get(
          'SELECT count(*) AS count FROM build_lines WHERE host_id = ? AND build_id = ?',
          hostId,
          buildId,
        )?.['count'],
      );
      if (bytes <= buildLogLimits.bytes && count <= buildLogLimits.lines) return;
      const oldest = this.#database.all(
        'SELECT line, text FROM build_lines WHERE host_id = ? AND build_id = ? ORDER BY line LIMIT ?',
        hostId,
        buildId,
        forgottenAtOnce,
      );
      const last = oldest.at(-1);
      if (last === undefined) return;
      const freed = oldest.reduce((sum, row) => sum + Buffer.byteLength(String(row['text'])), 0);
      this.#database.run(
        'DELETE FROM build_lines WHERE host_id = ? AND build_id = ? AND line <= ?',
        hostId,
        buildId,
        Number(last['line']),
      );
      this.#setExtent(hostId, buildId, { next, bytes: bytes - freed });
    }
  }

  #extent(hostId: HostId, buildId: BuildId): { readonly next: number; readonly bytes: number } {
    const row = this.#database.get(
      'SELECT next_line, log_bytes FROM builds WHERE host_id = ? AND build_id = ?',
      hostId,
      buildId,
    );
    return { next: Number(row?.['next_line'] ?? 0), bytes: Number(row?.['log_bytes'] ?? 0) };
  }

  #setExtent(
    hostId: HostId,
    buildId: BuildId,
    { next, bytes }: { readonly next: number; readonly bytes: number },
  ): void {
    this.#database.run(
      'UPDATE builds SET next_line = ?, log_bytes = ? WHERE host_id = ? AND build_id = ?',
      next,
      bytes,
      hostId,
      buildId,
    );
  }
}

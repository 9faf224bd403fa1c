import type { SqliteDatabase, SqlRow } from '../base/sqlite-database.ts';
import {
  type Build,
  type BuildId,
  type BuildLines,
  type BuildPush,
  type BuildState,
  type BuildsReport,
  buildSchema,
} from '../contracts/builds.ts';
import { AppError } from '../contracts/errors.ts';
import type { HostId } from '../contracts/fleet-ids.ts';
import { BuildLogs } from './build-logs.ts';

/** Of those that have ended, the newest stay. */
const keptBuilds = 50;

/** A report that comes late does not take a build back. One that was taken for lost may be heard of again. */
const ranks: Readonly<Record<BuildState, number>> = {
  queued: 0,
  lost: 0,
  running: 1,
  pushing: 2,
  succeeded: 3,
  failed: 3,
  cancelled: 3,
};

const unpushedWords = 'Its agent ended before it was pushed. It is pushed when that is back.';
const lostWords = 'Its agent ended before it did. The next try is another build.';

/** What hosts told of their builds. */
export class Builds {
  readonly logs: BuildLogs;
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
    this.logs = new BuildLogs(database);
  }

  /** Keeps what is news, and gives the builds that somebody wants to end. */
  take(hostId: HostId, report: BuildsReport, now: Date): BuildId[] {
    return this.#database.transaction(() => {
      for (const build of report.builds) this.#keep(hostId, build);
      for (const push of report.pushes) this.#keepPush(hostId, push);
      for (const lines of report.logs) this.#keepLines(hostId, lines);
      this.#loseAllBut(hostId, new Set(report.live), now);
      this.#forgetOld(hostId);
      return this.#wantedToEnd(hostId);
    });
  }

  /** Newest first. */
  list(hostId: HostId): Build[] {
    const rows = this.#database.all('SELECT build FROM builds WHERE host_id = ? ORDER BY queued_at DESC', hostId);
    return rows.map(fromRow);
  }

  /** By its id, a beginning of it that no other has, or an image's name: then its newest. */
  named(hostId: HostId, word: string): Build {
    const builds = this.list(hostId);
    const newest = builds.find(({ buildId, image }) => buildId === word || image === word);
    if (newest !== undefined) return newest;
    const alike = builds.filter(({ buildId }) => word.startsWith('b-') && buildId.startsWith(word));
    const [only] = alike;
    if (only !== undefined && alike.length === 1) return only;
    const state = alike.length > 1 ? `${alike.length} begin so` : 'the host has told of none';
    throw new AppError('not-found', `Cannot find build "${word}": ${state}`, { next: 'agora host build ls <host>' });
  }

  askToEnd(hostId: HostId, buildId: BuildId): void {
    this.#database.run('UPDATE builds SET is_to_end = 1 WHERE host_id = ? AND build_id = ?', hostId, buildId);
  }

  #keep(hostId: HostId, build: Build): void {
    const before = this.#byId(hostId, build.buildId);
    if (before !== undefined && ranks[before.state] > ranks[build.state]) return;
    const pushedDigest = build.pushedDigest ?? before?.pushedDigest;
    this.#write(hostId, { ...build, ...(pushedDigest !== undefined && { pushedDigest }) });
  }

  #keepPush(hostId: HostId, { tag, digest, problem }: BuildPush): void {
    const built = this.list(hostId).find((build) => build.tag === tag && build.state === 'succeeded');
    if (built === undefined) return;
    const { problem: _, ...rest } = built;
    const pushed = digest === undefined ? {} : { pushedDigest: digest };
    this.#write(hostId, { ...rest, ...pushed, ...(problem !== undefined && { problem }) });
  }

  #keepLines(hostId: HostId, lines: BuildLines): void {
    if (this.#byId(hostId, lines.buildId) !== undefined) this.logs.add(hostId, lines);
  }

  #loseAllBut(hostId: HostId, live: ReadonlySet<string>, now: Date): void {
    for (const build of this.list(hostId)) {
      if (hasEnded(build) || live.has(build.buildId)) continue;
      const isBuilt = build.state === 'pushing';
      const outcome = isBuilt
        ? ({ state: 'succeeded', problem: unpushedWords } as const)
        : ({ state: 'lost', problem: lostWords } as const);
      this.#write(hostId, { ...build, ...outcome, endedAt: now.toISOString() });
    }
  }

  #forgetOld(hostId: HostId): void {
    const old = this.list(hostId).filter(hasEnded).slice(keptBuilds);
    for (const { buildId } of old)
      this.#database.run('DELETE FROM builds WHERE host_id = ? AND build_id = ?', hostId, buildId);
  }

  #wantedToEnd(hostId: HostId): BuildId[] {
    const rows = this.#database.all('SELECT build FROM builds WHERE host_id = ? AND is_to_end = 1', hostId);
    return rows
      .map(fromRow)
      .filter((build) => !hasEnded(build))
      .map(({ buildId }) => buildId);
  }

  #byId(hostId: HostId, buildId: BuildId): Build | undefined {
    const row = this.#database.get('SELECT build FROM builds WHERE host_id = ? AND build_id = ?', hostId, buildId);
    return row && fromRow(row);
  }

  #write(hostId: HostId, build: Build): void {
    this.#database.run(
      `INSERT INTO builds (host_id, build_id, queued_at, build) VALUES (?, ?, ?, ?)
       ON CONFLICT (host_id, build_id) DO UPDATE SET build = excluded.build`,
      hostId,
      build.buildId,
      build.queuedAt,
      JSON.stringify(build),
    );
  }
}

export function hasEnded({ state }: Build): boolean {
  return state !== 'queued' && state !== 'running' && state !== 'pushing';
}

function fromRow(row: SqlRow): Build {
  return buildSchema.parse(JSON.parse(String(row['build'])));
}

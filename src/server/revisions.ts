import { bytesOf, type SqliteDatabase, type SqlRow } from '../base/sqlite-database.ts';
import { isAppError } from '../contracts/errors.ts';
import { type HostId, hostIdSchema } from '../contracts/fleet-ids.ts';
import { type Change, changeSchema, type changeStages } from '../contracts/host-change.ts';
import { type HostSpec, hostSpecSchema } from '../contracts/host-spec.ts';
import type { Digest } from '../contracts/ids.ts';
import { decryptAtRest, encryptAtRest } from './at-rest.ts';

export type ChangeStage = (typeof changeStages)[number];

/** A spec as it was declared, with the values of its secrets by their refs. */
export interface Revision {
  readonly change: Change;
  readonly spec: HostSpec;
  readonly secrets: Readonly<Record<string, string>>;
}

export interface NewRevision {
  readonly specDigest: string;
  readonly spec: HostSpec;
  readonly secrets: Readonly<Record<string, string>>;
  readonly actor: string;
  readonly message: string;
  readonly at: string;
  /** The highest that the host has told of: it takes none that is not past it. */
  readonly told?: number | undefined;
}

/** More than a server that was restored can have lost; a host that tells of more is not believed. */
const mostLost = 1_000_000;

/** What was declared for hosts, every revision of it, and how far each has come. */
export class Revisions {
  readonly #database: SqliteDatabase;
  readonly #atRestKey: Uint8Array;

  constructor(database: SqliteDatabase, atRestKey: Uint8Array) {
    this.#database = database;
    this.#atRestKey = atRestKey;
  }

  /** Inside a transaction with what else belongs to it. */
  add(hostId: HostId, { specDigest, spec, secrets, actor, message, at, told }: NewRevision): Change {
    const revision = this.nextNumber(hostId, told);
    const times = { accepted: at };
    this.#database.run(
      `INSERT INTO revisions (host_id, revision, spec_digest, spec, secrets, actor, message, times)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      hostId,
      revision,
      specDigest,
      JSON.stringify(spec),
      encryptAtRest(this.#atRestKey, JSON.stringify(secrets), contextOf(hostId, revision)),
      actor,
      message,
      JSON.stringify(times),
    );
    return changeSchema.parse({ revision, specDigest, actor, message, times });
  }

  latestNumber(hostId: HostId): number | undefined {
    const row = this.#database.get('SELECT max(revision) AS latest FROM revisions WHERE host_id = ?', hostId);
    return row?.['latest'] === null || row === undefined ? undefined : Number(row['latest']);
  }

  nextNumber(hostId: HostId, told = 0): number {
    const latest = this.latestNumber(hostId) ?? 0;
    return (told <= latest + mostLost ? Math.max(latest, told) : latest) + 1;
  }

  /** That one, or the latest. */
  find(hostId: HostId, revision?: number): Revision | undefined {
    const wanted = revision ?? this.latestNumber(hostId);
    if (wanted === undefined) return undefined;
    const row = this.#database.get('SELECT * FROM revisions WHERE host_id = ? AND revision = ?', hostId, wanted);
    if (row === undefined) return undefined;
    const sealed = bytesOf(row, 'secrets');
    const open = () => JSON.parse(decryptAtRest(this.#atRestKey, sealed, contextOf(hostId, wanted)));
    let secrets: Record<string, string> | undefined; // Only `add` writes them, and nobody can change them unnoticed.
    return {
      change: changeOf(row),
      spec: hostSpecSchema.parse(JSON.parse(String(row['spec']))),
      // Opened for who wants them: all else can be told without their key.
      get secrets() {
        secrets ??= open() as Record<string, string>;
        return secrets;
      },
    };
  }

  /** Whether the key is the one that the latest secrets were encrypted with; true where there are none. */
  get isKeyRight(): boolean {
    const row = this.#database.get('SELECT host_id, revision FROM revisions ORDER BY host_id, revision DESC LIMIT 1');
    if (row === undefined) return true;
    try {
      const latest = this.find(hostIdSchema.parse(row['host_id']), Number(row['revision']));
      return latest?.secrets !== undefined;
    } catch (error) {
      if (isAppError(error, 'state-corrupt')) return false;
      throw error;
    }
  }

  /** Newest first. */
  changes(hostId: HostId, limit: number): Change[] {
    const sql = 'SELECT * FROM revisions WHERE host_id = ? ORDER BY revision DESC LIMIT ?';
    return this.#database.all(sql, hostId, limit).map(changeOf);
  }

  /** Notes when it came so far, the first time; and what keeps it, or that nothing does. */
  progress(
    hostId: HostId,
    revision: number,
    {
      times = {},
      problem,
    }: { readonly times?: Partial<Record<ChangeStage, string>>; readonly problem?: string | null },
  ): void {
    const row = this.#database.get('SELECT * FROM revisions WHERE host_id = ? AND revision = ?', hostId, revision);
    if (row === undefined) return;
    const before = changeOf(row);
    const reached = { ...times, ...before.times };
    this.#database.run(
      'UPDATE revisions SET times = ?, is_applied = ?, problem = ? WHERE host_id = ? AND revision = ?',
      JSON.stringify(reached),
      Number(reached.applied !== undefined),
      problem === undefined ? (before.problem ?? null) : problem,
      hostId,
      revision,
    );
  }

  /** The latest that the host has come to the end of. */
  lastApplied(hostId: HostId): number | undefined {
    const latest = this.#database.get(`SELECT ${lastAppliedOf('?')} AS latest`, hostId)?.['latest'];
    return typeof latest === 'number' ? latest : undefined;
  }

  /** Both of every host. */
  numbers(): Map<string, { readonly latest: number | undefined; readonly applied: number | undefined }> {
    const latest = '(SELECT max(revision) FROM revisions WHERE host_id = hosts.host_id)';
    const rows = this.#database.all(
      `SELECT host_id, ${latest} AS latest, ${lastAppliedOf('hosts.host_id')} AS applied FROM hosts`,
    );
    const number = (value: unknown) => (typeof value === 'number' ? value : undefined);
    return new Map(
      rows.map((row) => [String(row['host_id']), { latest: number(row['latest']), applied: number(row['applied']) }]),
    );
  }

  /** Digests of contexts that specs name: as hosts are declared now, and in any revision. */
  contextsInUse(): { readonly now: ReadonlySet<string>; readonly ever: ReadonlySet<string> } {
    const latest = 'revision = (SELECT max(revision) FROM revisions AS each WHERE each.host_id = revisions.host_id)';
    return { now: this.#contexts(latest), ever: this.#contexts('TRUE') };
  }

  /** Whether any revision of the host does. */
  namesContext(hostId: HostId, digest: Digest): boolean {
    return this.#contexts('host_id = ?', hostId).has(digest);
  }

  #contexts(where: string, ...values: string[]): Set<string> {
    const sql = `SELECT DISTINCT json_extract(image.value, '$.build.context') AS context
                 FROM revisions, json_each(spec, '$.images') AS image WHERE ${where} AND context IS NOT NULL`;
    return new Set(this.#database.all(sql, ...values).map((row) => String(row['context'])));
  }
}

function lastAppliedOf(hostId: '?' | 'hosts.host_id'): string {
  return `(SELECT max(revision) FROM revisions WHERE host_id = ${hostId} AND is_applied = 1)`;
}

function contextOf(hostId: HostId, revision: number): string {
  return `secrets of ${hostId} revision ${revision}`;
}

function changeOf(row: SqlRow): Change {
  return changeSchema.parse({
    revision: row['revision'],
    specDigest: row['spec_digest'],
    actor: row['actor'],
    message: row['message'],
    times: JSON.parse(String(row['times'])),
    problem: row['problem'] ?? undefined,
  });
}

import { mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { AppError } from '../contracts/errors.ts';
import { FileSync } from './file-sync.ts';
import { newerFileError, olderFileError, type SqliteFile, sqliteError, syncError } from './sqlite-errors.ts';

export interface SqliteDatabaseOptions extends SqliteFile {
  /** Its folder is made, readable by its owner only. */
  readonly file: string;
  /** One step per schema version, never edited once released. */
  readonly migrations: readonly string[];
  /** When what was committed is on disk: when the commit returns, or once `settled` does, for all that wait for it. Default: `commit`. */
  readonly durability?: 'commit' | 'settle';
  /** What becomes of a file of an earlier version, which another process may be using. Default: `migrate`. */
  readonly onEarlier?: 'migrate' | 'refuse';
}

/** For another process that holds it. */
const waitMs = 5_000;
/** Of 4 KiB. `SqliteCheckpoints` keeps the log of a database that settles far below it. */
const longLogPages = 16_384;

/**
 * One SQLite file in WAL mode: what was committed survives a power cut, at once or once it is settled. Failures raised: `state-newer`
 * for a file that a later version wrote, `state-older` for one that is refused, `state-corrupt`, `disk-full`, `unreachable`, `not-ready`.
 */
export class SqliteDatabase {
  readonly #about: SqliteFile;
  readonly #statements = new Map<string, StatementSync>();
  readonly #database: DatabaseSync;
  /** Where commits are settled: all of them go through it, and SQLite puts it on disk before it writes over any of it. */
  readonly #log: FileSync | undefined;
  #depth = 0;
  #isRelaxed = false;

  constructor({ file, migrations, durability = 'commit', onEarlier = 'migrate', ...words }: SqliteDatabaseOptions) {
    this.#about = { ...words, file: resolve(file) };
    const settles = durability === 'settle';
    this.#log = settles ? new FileSync(`${this.file}-wal`) : undefined;
    mkdirSync(dirname(this.file), { recursive: true, mode: 0o700 });
    this.#database = this.#told(() => new DatabaseSync(this.file, { timeout: waitMs }));
    try {
      this.#told(() => {
        this.#database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${settles ? 'NORMAL' : 'FULL'}`);
        this.#database.exec('PRAGMA foreign_keys = ON');
        if (settles) this.#database.exec(`PRAGMA wal_autocheckpoint = ${longLogPages}`);
        this.#migrate(migrations, onEarlier);
      });
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  /** Its path, absolute. */
  get file(): string {
    return this.#about.file;
  }

  all(sql: string, ...parameters: SqlValue[]): SqlRow[] {
    return this.#told(() => this.#prepared(sql).all(...parameters));
  }

  get(sql: string, ...parameters: SqlValue[]): SqlRow | undefined {
    return this.#told(() => this.#prepared(sql).get(...parameters));
  }

  /** How many rows it changed. */
  run(sql: string, ...parameters: SqlValue[]): number {
    const changed = this.#told(() => Number(this.#prepared(sql).run(...parameters).changes));
    if (changed > 0 && !this.#isRelaxed) this.#log?.wrote();
    return changed;
  }

  /** All of it or nothing. One inside another is part of the outer one. */
  transaction<T>(work: () => T): T {
    if (this.#depth > 0) return work();
    return this.#told(() => {
      this.#database.exec('BEGIN IMMEDIATE');
      this.#depth += 1;
      try {
        const result = work();
        this.#database.exec('COMMIT');
        return result;
      } catch (error) {
        // SQLite has rolled some failures back by itself.
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
        throw error;
      } finally {
        this.#depth -= 1;
      }
    });
  }

  get isInTransaction(): boolean {
    return this.#depth > 0;
  }

  /** A transaction that nobody waits for: a power cut may undo it, whole. */
  relaxed<T>(work: () => T): T {
    this.#isRelaxed = true;
    try {
      return this.transaction(work);
    } finally {
      this.#isRelaxed = false;
    }
  }

  /** Until all that was committed so far is on disk; undefined where it is. Raises `disk-full` or `unreachable`. */
  settled(): Promise<void> | undefined {
    if (this.#log === undefined || this.#log.isSynced) return undefined;
    return this.#log.synced().catch((error: unknown) => {
      throw syncError(error, this.#about);
    });
  }

  /** Writes a whole and consistent copy, also while others write. */
  copyTo(file: string): void {
    this.#told(() => this.#database.prepare('VACUUM INTO ?').run(file));
  }

  close(): void {
    this.#statements.clear();
    if (this.#database.isOpen) this.#database.close();
    this.#log?.close();
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #migrate(migrations: readonly string[], onEarlier: 'migrate' | 'refuse'): void {
    const version = this.#version();
    if (version > migrations.length) throw newerFileError(this.#about, version, migrations.length);
    if (version < migrations.length && onEarlier === 'refuse')
      throw olderFileError(this.#about, version, migrations.length);
    for (const [step, sql] of migrations.entries()) {
      if (step < version) continue;
      this.transaction(() => {
        // Another process may have taken this step since.
        if (this.#version() === step) this.#database.exec(`${sql}; PRAGMA user_version = ${step + 1}`);
      });
    }
  }

  #version(): number {
    return Number(this.#database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
  }

  #told<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw sqliteError(error, this.#about);
    }
  }
}

export type SqlValue = string | number | bigint | null | Uint8Array;
export type SqlRow = Readonly<Record<string, unknown>>;

/** The bytes of a column; `state-corrupt` where a row holds something else. */
export function bytesOf(row: SqlRow, column: string): Uint8Array {
  const value = row[column];
  if (value instanceof Uint8Array) return value;
  throw new AppError('state-corrupt', `Cannot read a row: its column "${column}" holds no bytes`, {
    next: 'Restore a backup: somebody else wrote to the database.',
  });
}

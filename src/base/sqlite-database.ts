import { mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { AppError, type ErrorCode } from '../contracts/errors.ts';

export interface SqliteDatabaseOptions {
  /** Its folder is made, readable by its owner only. */
  readonly file: string;
  /** What it holds, for messages: `server state`. */
  readonly subject: string;
  /** One step per schema version, never edited once released. */
  readonly migrations: readonly string[];
}

/** For another process that holds it. */
const waitMs = 5_000;

/** SQLite's primary result codes we tell apart: https://www.sqlite.org/rescode.html */
const codes: Readonly<Record<number, ErrorCode>> = {
  5: 'not-ready',
  10: 'unreachable',
  11: 'state-corrupt',
  13: 'disk-full',
  14: 'unreachable',
  26: 'state-corrupt',
};

const next: Partial<Record<ErrorCode, string>> = {
  'disk-full': 'Free some space; it goes on by itself.',
  'not-ready': 'Another process holds it; try again.',
  'state-corrupt': 'Restore a backup, or move the file aside and start again.',
};

/**
 * One SQLite file in WAL mode with `synchronous=FULL`: what was committed survives a power cut. Failures raised: `state-newer` for a
 * file that a later version wrote, `state-corrupt`, `disk-full`, `unreachable`, `not-ready`.
 */
export class SqliteDatabase {
  readonly file: string;
  readonly #subject: string;
  readonly #statements = new Map<string, StatementSync>();
  readonly #database: DatabaseSync;
  #depth = 0;

  constructor({ file, subject, migrations }: SqliteDatabaseOptions) {
    this.file = resolve(file);
    this.#subject = subject;
    mkdirSync(dirname(this.file), { recursive: true, mode: 0o700 });
    this.#database = this.#told(() => new DatabaseSync(this.file, { timeout: waitMs }));
    try {
      this.#told(() => {
        this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
        this.#database.exec('PRAGMA foreign_keys = ON');
        this.#migrate(migrations);
      });
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  all(sql: string, ...parameters: SqlValue[]): SqlRow[] {
    return this.#told(() => this.#prepared(sql).all(...parameters));
  }

  get(sql: string, ...parameters: SqlValue[]): SqlRow | undefined {
    return this.#told(() => this.#prepared(sql).get(...parameters));
  }

  /** How many rows it changed. */
  run(sql: string, ...parameters: SqlValue[]): number {
    return this.#told(() => Number(this.#prepared(sql).run(...parameters).changes));
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

  /** Writes a whole and consistent copy, also while others write. */
  copyTo(file: string): void {
    this.#told(() => this.#database.prepare('VACUUM INTO ?').run(file));
  }

  close(): void {
    this.#statements.clear();
    if (this.#database.isOpen) this.#database.close();
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #migrate(migrations: readonly string[]): void {
    const version = this.#version();
    if (version > migrations.length) {
      const state = `it has schema version ${version}, this Agora knows up to ${migrations.length}`;
      throw new AppError('state-newer', `Cannot open ${this.#subject} "${this.file}": ${state}`, {
        next: 'Use the newer Agora that wrote it, or another folder.',
      });
    }
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
      const code = sqliteCode(error);
      if (code === undefined) throw error;
      const ours = codes[code] ?? 'internal';
      const hint = next[ours];
      const state = error instanceof Error ? error.message : String(error);
      throw new AppError(ours, `Cannot use ${this.#subject} "${this.file}": ${state}`, {
        cause: error,
        ...(hint !== undefined && { next: hint }),
      });
    }
  }
}

export type SqlValue = string | number | bigint | null | Uint8Array;
export type SqlRow = Readonly<Record<string, unknown>>;

function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  return error.errcode & 0xff;
}

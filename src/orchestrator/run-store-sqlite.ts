import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { AnchorEntry } from '../audit/anchor.ts';
import type { AnchorRows } from '../audit/local-anchor.ts';
import { originOf } from '../audit/record.ts';
import type { Seal } from '../audit/seal.ts';
import { AppError } from '../contracts/errors.ts';
import type { DeploymentId, RunId } from '../contracts/ids.ts';
import { stateNames } from '../contracts/names.ts';
import type { Commit, OutboxMessage, RunLog, RunPhase, RunStore, StoredItem, StoredRun } from './run-store.ts';
import { itemFromRow, itemParameters, runFromRow, runParameters, sealFromText } from './run-store-rows.ts';
import { migrate } from './run-store-schema.ts';
import { type ServeLock, takeServeLock } from './serve-lock.ts';
import { databaseError } from './sqlite-errors.ts';

export interface SqliteRunStateStoreOptions {
  /** Path of the database; its folder is made when it is opened. */
  readonly file: string;
}

/** Run state in one SQLite file, WAL with `synchronous=FULL`: a commit that resolved survives a power cut. */
export class SqliteRunStateStore implements RunStore, AnchorRows {
  readonly #file: string;
  readonly #statements = new Map<string, StatementSync>();
  #database: DatabaseSync | undefined;
  #lock: ServeLock | undefined;

  constructor(options: SqliteRunStateStoreOptions) {
    this.#file = resolve(options.file);
  }

  async open(deploymentId: DeploymentId): Promise<void> {
    await mkdir(dirname(this.#file), { recursive: true, mode: 0o700 });
    this.#lock = takeServeLock(join(dirname(this.#file), stateNames.serveLock));
    try {
      this.#database = this.#guard(() => new DatabaseSync(this.#file));
      this.#guard(() =>
        this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000'),
      );
      this.#guard(() => migrate(this.#db, this.#file));
      this.#guard(() => this.#claim(deploymentId));
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async loadUnpublished() {
    return this.#guard(() =>
      this.#sql(`SELECT * FROM runs WHERE phase <> 'published' ORDER BY age`)
        .all()
        .map((row) => ({
          run: runFromRow(row),
          phase: String(row['phase']) as RunPhase,
          items: this.#itemsOf(Number(row['age'])),
        })),
    );
  }

  async findRun(runId: RunId): Promise<StoredRun | undefined> {
    const row = this.#guard(() => this.#sql('SELECT * FROM runs WHERE run_id = ?').get(runId));
    return row === undefined ? undefined : runFromRow(row);
  }

  async nextAge(): Promise<number> {
    const row = this.#guard(() => this.#sql('SELECT max(age) AS age FROM runs').get());
    return Number(row?.['age'] ?? 0) + 1;
  }

  async commit(commit: Commit): Promise<void> {
    this.#transaction(() => {
      for (const run of commit.newRuns) this.#insertRun(run);
      for (const { runId, progress } of commit.runs) {
        this.#sql(
          `UPDATE runs SET status = ?, cancelled_by = ?, next_sequence = ?, previous_hash = ?, status_sequence = ?,
           phase = CASE WHEN ? THEN 'closed' ELSE phase END WHERE run_id = ?`,
        ).run(
          progress.status,
          progress.cancelledBy ?? null,
          progress.nextSequence,
          progress.previousHash,
          progress.statusSequence,
          progress.isClosed ? 1 : 0,
          runId,
        );
      }
      this.#insertDetails(commit);
    });
  }

  async pendingOutbox(after: number, limit: number): Promise<(OutboxMessage & { readonly id: number })[]> {
    const rows = this.#guard(() =>
      this.#sql('SELECT * FROM outbox WHERE id > ? ORDER BY id LIMIT ?').all(after, limit),
    );
    return rows.map((row) => ({ id: Number(row['id']), key: String(row['key']), text: String(row['text']) }));
  }

  async readLog(runId: RunId): Promise<RunLog> {
    const run = await this.findRun(runId);
    if (run === undefined) throw new AppError('not-found', `Cannot read the log of run "${runId}": no such run`);
    const texts = (sql: string) => this.#guard(() => this.#sql(sql).all(run.age)).map((row) => String(row['text']));
    return {
      run,
      recordTexts: texts('SELECT text FROM records WHERE run = ? ORDER BY sequence'),
      manifestTexts: texts('SELECT text FROM manifests WHERE run = ? ORDER BY id'),
    };
  }

  async keepSeal(runId: RunId, seal: Seal): Promise<Seal> {
    this.#transaction(() => {
      this.#sql('INSERT OR IGNORE INTO seals SELECT age, ? FROM runs WHERE run_id = ?').run(
        JSON.stringify(seal),
        runId,
      );
    });
    return (await this.readSeal(runId)) ?? seal;
  }

  async readSeal(runId: RunId): Promise<Seal | undefined> {
    const row = this.#guard(() =>
      this.#sql('SELECT seal FROM seals JOIN runs ON age = run WHERE run_id = ?').get(runId),
    );
    return row === undefined ? undefined : sealFromText(String(row['seal']));
  }

  async markPublished(runId: RunId, outbox: readonly OutboxMessage[]): Promise<void> {
    this.#transaction(() => {
      this.#sql(`UPDATE runs SET phase = 'published', status_sequence = status_sequence + ? WHERE run_id = ?`).run(
        outbox.length,
        runId,
      );
      this.#insertOutbox(outbox);
    });
  }

  async anchorOrigin(): Promise<string> {
    const row = this.#guard(() => this.#sql(`SELECT value FROM meta WHERE key = 'deploymentId'`).get());
    return originOf(String(row?.['value']));
  }

  async putAnchor(row: AnchorEntry): Promise<void> {
    this.#transaction(() => {
      this.#sql('INSERT OR IGNORE INTO anchors VALUES (?, ?)').run(row.runId, JSON.stringify(row));
    });
  }

  async getAnchor(runId: string): Promise<AnchorEntry | undefined> {
    const row = this.#guard(() => this.#sql('SELECT entry FROM anchors WHERE run_id = ?').get(runId));
    return row === undefined ? undefined : (JSON.parse(String(row['entry'])) as AnchorEntry);
  }

  async close(): Promise<void> {
    this.#statements.clear();
    this.#database?.close();
    this.#database = undefined;
    this.#lock?.release();
    this.#lock = undefined;
  }

  get #db(): DatabaseSync {
    if (this.#database === undefined) {
      throw new AppError('internal', `Cannot use run state "${this.#file}": it is not open`);
    }
    return this.#database;
  }

  #claim(deploymentId: DeploymentId): void {
    this.#sql(`INSERT OR IGNORE INTO meta VALUES ('deploymentId', ?)`).run(deploymentId);
    const owner = this.#sql(`SELECT value FROM meta WHERE key = 'deploymentId'`).get()?.['value'];
    if (owner === deploymentId) return;
    throw new AppError(
      'state-corrupt',
      `Cannot open run state "${this.#file}": it belongs to deployment "${String(owner)}", this folder is "${deploymentId}"`,
      { next: `Restore ${stateNames.deployment} with that id, or move the database aside` },
    );
  }

  #insertRun(run: StoredRun): void {
    this.#sql(`INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'live', ?, ?, ?, ?, ?)`).run(...runParameters(run));
  }

  #insertDetails(commit: Commit): void {
    const age = this.#ages();
    const item = this.#sql('INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
    for (const entry of commit.items) item.run(age(entry.runId), ...itemParameters(entry.item));
    const record = this.#sql('INSERT INTO records VALUES (?, ?, ?)');
    for (const entry of commit.records) record.run(age(entry.runId), entry.sequence, entry.text);
    const manifest = this.#sql('INSERT INTO manifests (run, text) VALUES (?, ?)');
    for (const entry of commit.manifests) manifest.run(age(entry.runId), entry.text);
    this.#insertOutbox(commit.outbox);
    if (commit.deliveredUpTo > 0) this.#sql('DELETE FROM outbox WHERE id <= ?').run(commit.deliveredUpTo);
  }

  #insertOutbox(messages: readonly OutboxMessage[]): void {
    const insert = this.#sql('INSERT INTO outbox (key, text) VALUES (?, ?)');
    for (const message of messages) insert.run(message.key, message.text);
  }

  /** Row numbers of runs, asked for once per commit. */
  #ages(): (runId: RunId) => number {
    const known = new Map<RunId, number>();
    return (runId) => {
      const found = known.get(runId);
      if (found !== undefined) return found;
      const age = Number(this.#sql('SELECT age FROM runs WHERE run_id = ?').get(runId)?.['age']);
      known.set(runId, age);
      return age;
    };
  }

  #itemsOf(age: number): StoredItem[] {
    return this.#sql('SELECT * FROM items WHERE run = ? ORDER BY item').all(age).map(itemFromRow);
  }

  #sql(text: string): StatementSync {
    const known = this.#statements.get(text);
    if (known !== undefined) return known;
    const statement = this.#db.prepare(text);
    this.#statements.set(text, statement);
    return statement;
  }

  #transaction(body: () => void): void {
    this.#guard(() => {
      this.#db.exec('BEGIN IMMEDIATE');
      try {
        body();
        this.#db.exec('COMMIT');
      } catch (error) {
        if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
        throw error;
      }
    });
  }

  #guard<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      throw databaseError(error, this.#file);
    }
  }
}

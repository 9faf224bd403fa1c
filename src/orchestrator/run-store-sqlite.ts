import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { AnchorRow, AnchorRows } from '../audit/local-anchor.ts';
import type { Seal } from '../audit/seal.ts';
import { SqliteDatabase } from '../base/sqlite-database.ts';
import { AppError } from '../contracts/errors.ts';
import { type DeploymentId, type RunId, runIdSchema } from '../contracts/ids.ts';
import { stateNames } from '../contracts/names.ts';
import type { Commit, OutboxMessage, RunLog, RunPhase, RunStore, StoredItem, StoredRun } from './run-store.ts';
import { itemFromRow, itemParameters, runFromRow, runParameters, sealFromText } from './run-store-rows.ts';
import { migrations, runStateWords } from './run-store-schema.ts';
import { type ServeLock, takeServeLock } from './serve-lock.ts';

export interface SqliteRunStateStoreOptions {
  /** Path of the database; its folder is made when it is opened. */
  readonly file: string;
}

/** Run state in one SQLite file, WAL with `synchronous=FULL`: a commit that resolved survives a power cut. */
export class SqliteRunStateStore implements RunStore, AnchorRows {
  readonly #file: string;
  #database: SqliteDatabase | undefined;
  #lock: ServeLock | undefined;

  constructor(options: SqliteRunStateStoreOptions) {
    this.#file = resolve(options.file);
  }

  async open(deploymentId: DeploymentId): Promise<void> {
    await mkdir(dirname(this.#file), { recursive: true, mode: 0o700 });
    this.#lock = takeServeLock(join(dirname(this.#file), stateNames.serveLock));
    try {
      this.#database = new SqliteDatabase({ ...runStateWords, file: this.#file, migrations });
      this.#claim(deploymentId);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async loadUnpublished() {
    return this.#db.all(`SELECT * FROM runs WHERE phase <> 'published' ORDER BY age`).map((row) => ({
      run: runFromRow(row),
      phase: String(row['phase']) as RunPhase,
      items: this.#itemsOf(Number(row['age'])),
    }));
  }

  async findRun(runId: RunId): Promise<StoredRun | undefined> {
    const row = this.#db.get('SELECT * FROM runs WHERE run_id = ?', runId);
    return row === undefined ? undefined : runFromRow(row);
  }

  async nextAge(): Promise<number> {
    const row = this.#db.get('SELECT max(age) AS age FROM runs');
    return Number(row?.['age'] ?? 0) + 1;
  }

  async commit(commit: Commit): Promise<void> {
    this.#db.transaction(() => {
      for (const run of commit.newRuns) this.#insertRun(run);
      for (const { runId, progress } of commit.runs) {
        this.#db.run(
          `UPDATE runs SET status = ?, cancelled_by = ?, next_sequence = ?, previous_hash = ?, status_sequence = ?,
           phase = CASE WHEN ? THEN 'closed' ELSE phase END WHERE run_id = ?`,
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
    const rows = this.#db.all('SELECT * FROM outbox WHERE id > ? ORDER BY id LIMIT ?', after, limit);
    return rows.map((row) => ({ id: Number(row['id']), key: String(row['key']), text: String(row['text']) }));
  }

  async readLog(runId: RunId): Promise<RunLog> {
    const run = await this.findRun(runId);
    if (run === undefined) throw new AppError('not-found', `Cannot read the log of run "${runId}": no such run`);
    const texts = (sql: string) => this.#db.all(sql, run.age).map((row) => String(row['text']));
    return {
      run,
      recordTexts: texts('SELECT text FROM records WHERE run = ? ORDER BY sequence'),
      manifestTexts: texts('SELECT text FROM manifests WHERE run = ? ORDER BY id'),
    };
  }

  async keepSeal(runId: RunId, seal: Seal): Promise<Seal> {
    this.#db.run('INSERT OR IGNORE INTO seals SELECT age, ? FROM runs WHERE run_id = ?', JSON.stringify(seal), runId);
    return (await this.readSeal(runId)) ?? seal;
  }

  async readSeal(runId: RunId): Promise<Seal | undefined> {
    const row = this.#db.get('SELECT seal FROM seals JOIN runs ON age = run WHERE run_id = ?', runId);
    return row === undefined ? undefined : sealFromText(String(row['seal']));
  }

  async markPublished(runId: RunId, outbox: readonly OutboxMessage[], owesAnchors: boolean): Promise<void> {
    this.#db.transaction(() => {
      if (owesAnchors) this.#db.run('INSERT OR IGNORE INTO owed_anchors SELECT age FROM runs WHERE run_id = ?', runId);
      this.#db.run(
        `UPDATE runs SET phase = 'published', status_sequence = status_sequence + ? WHERE run_id = ?`,
        outbox.length,
        runId,
      );
      this.#insertOutbox(outbox);
    });
  }

  async runsOwingAnchors(): Promise<RunId[]> {
    const rows = this.#db.all('SELECT run_id FROM owed_anchors JOIN runs ON age = run ORDER BY age');
    return rows.map((row) => runIdSchema.parse(row['run_id']));
  }

  async markAnchored(runId: RunId): Promise<void> {
    this.#db.run('DELETE FROM owed_anchors WHERE run IN (SELECT age FROM runs WHERE run_id = ?)', runId);
  }

  async putAnchor(row: AnchorRow): Promise<void> {
    this.#db.run('INSERT OR IGNORE INTO anchors VALUES (?, ?)', row.runId, JSON.stringify(row));
  }

  async getAnchor(runId: string): Promise<AnchorRow | undefined> {
    const row = this.#db.get('SELECT entry FROM anchors WHERE run_id = ?', runId);
    return row === undefined ? undefined : (JSON.parse(String(row['entry'])) as AnchorRow);
  }

  async close(): Promise<void> {
    this.#database?.close();
    this.#database = undefined;
    this.#lock?.release();
    this.#lock = undefined;
  }

  get #db(): SqliteDatabase {
    if (this.#database === undefined) {
      throw new AppError('internal', `Cannot use run state "${this.#file}": it is not open`);
    }
    return this.#database;
  }

  #claim(deploymentId: DeploymentId): void {
    this.#db.run(`INSERT OR IGNORE INTO meta VALUES ('deploymentId', ?)`, deploymentId);
    const owner = this.#db.get(`SELECT value FROM meta WHERE key = 'deploymentId'`)?.['value'];
    if (owner === deploymentId) return;
    throw new AppError(
      'state-corrupt',
      `Cannot open run state "${this.#file}": it belongs to deployment "${String(owner)}", this folder is "${deploymentId}"`,
      { next: `Restore ${stateNames.deployment} with that id, or move the database aside` },
    );
  }

  #insertRun(run: StoredRun): void {
    this.#db.run(`INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'live', ?, ?, ?, ?, ?)`, ...runParameters(run));
  }

  #insertDetails(commit: Commit): void {
    const age = this.#ages();
    const item = 'INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)';
    for (const entry of commit.items) this.#db.run(item, age(entry.runId), ...itemParameters(entry.item));
    const record = 'INSERT INTO records VALUES (?, ?, ?)';
    for (const entry of commit.records) this.#db.run(record, age(entry.runId), entry.sequence, entry.text);
    const manifest = 'INSERT INTO manifests (run, text) VALUES (?, ?)';
    for (const entry of commit.manifests) this.#db.run(manifest, age(entry.runId), entry.text);
    this.#insertOutbox(commit.outbox);
    if (commit.deliveredUpTo > 0) this.#db.run('DELETE FROM outbox WHERE id <= ?', commit.deliveredUpTo);
  }

  #insertOutbox(messages: readonly OutboxMessage[]): void {
    const insert = 'INSERT INTO outbox (key, text) VALUES (?, ?)';
    for (const message of messages) this.#db.run(insert, message.key, message.text);
  }

  /** Row numbers of runs, asked for once per commit. */
  #ages(): (runId: RunId) => number {
    const known = new Map<RunId, number>();
    return (runId) => {
      const found = known.get(runId);
      if (found !== undefined) return found;
      const age = Number(this.#db.get('SELECT age FROM runs WHERE run_id = ?', runId)?.['age']);
      known.set(runId, age);
      return age;
    };
  }

  #itemsOf(age: number): StoredItem[] {
    return this.#db.all('SELECT * FROM items WHERE run = ? ORDER BY item', age).map(itemFromRow);
  }
}

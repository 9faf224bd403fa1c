import { Worker } from 'node:worker_threads';

export interface SqliteCheckpointsOptions {
  /** Of a database that settles: its own thread moves the log into the file only when it has grown very long. */
  readonly file: string;
  /** Told of what ends the thread; another one begins a minute later. */
  readonly onFailure: (error: unknown) => void;
  /** How long between two, and until the first. Default: 5000. */
  readonly everyMs?: number;
}

const defaults = { everyMs: 5_000 };
const restartMs = 60_000;

/** As text: a bundle has no file to start a thread from. One that finds the database locked leaves it to the next. */
const program = `
  const { DatabaseSync } = require('node:sqlite');
  const { workerData } = require('node:worker_threads');
  const database = new DatabaseSync(workerData.file);
  const checkpoint = () => database.exec('PRAGMA wal_checkpoint(PASSIVE)');
  checkpoint();
  setInterval(checkpoint, workerData.everyMs);
`;
/** It runs a single statement. */
const resourceLimits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 };

/** Moves a database's log into its file, which waits for the disk, in a thread beside the one that answers. */
export class SqliteCheckpoints {
  readonly #options: Required<SqliteCheckpointsOptions>;
  #starting: NodeJS.Timeout;
  #worker: Worker | undefined;

  constructor(options: SqliteCheckpointsOptions) {
    this.#options = { ...defaults, ...options };
    this.#starting = setTimeout(() => this.#start(), this.#options.everyMs).unref();
  }

  /** Before the database itself is closed. */
  async close(): Promise<void> {
    clearTimeout(this.#starting);
    await this.#worker?.terminate();
  }

  #start(): void {
    const { file, everyMs, onFailure } = this.#options;
    this.#worker = new Worker(program, { eval: true, workerData: { file, everyMs }, resourceLimits });
    this.#worker.unref();
    this.#worker.on('error', (error) => {
      onFailure(error);
      this.#starting = setTimeout(() => this.#start(), restartMs).unref();
    });
  }
}

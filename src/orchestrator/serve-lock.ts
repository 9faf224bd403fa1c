import { hostname } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import { isBusy, isFull, sqliteError } from '../base/sqlite-errors.ts';
import { AppError } from '../contracts/errors.ts';
import { runStateWords } from './run-store-schema.ts';

/** Held by the one daemon of a state folder for as long as it lives. */
export interface ServeLock {
  release(): void;
}

/**
 * Takes the lock or raises `daemon-running` with the holder. The lock is SQLite's own on a small file: the kernel lets go
 * of it when the process ends, however it ends, and others can still read who has it.
 */
export function takeServeLock(file: string): ServeLock {
  const database = openLockFile(file);
  try {
    database.exec('BEGIN IMMEDIATE');
    writeHolder(database);
    database.exec('BEGIN IMMEDIATE');
  } catch (error) {
    const holder = isBusy(error) ? readHolder(database) : undefined;
    database.close();
    if (holder === undefined) throw sqliteError(error, { ...runStateWords, file });
    throw new AppError('daemon-running', `Cannot serve: another daemon has "${file}": ${holder}`, {
      next: 'Use that daemon, or stop it first',
    });
  }
  return { release: () => database.close() };
}

function openLockFile(file: string): DatabaseSync {
  try {
    return new DatabaseSync(file, { timeout: 0 });
  } catch (error) {
    throw sqliteError(error, { ...runStateWords, file });
  }
}

/** Ends the transaction. On a full disk the lock is none the worse for nobody being named. */
function writeHolder(database: DatabaseSync): void {
  try {
    database.exec('CREATE TABLE IF NOT EXISTS holder (one INTEGER PRIMARY KEY CHECK (one = 1), text TEXT NOT NULL)');
    const text = `process ${process.pid} on ${hostname()} since ${new Date().toISOString()}`;
    database.prepare('INSERT OR REPLACE INTO holder VALUES (1, ?)').run(text);
    database.exec('COMMIT');
  } catch (error) {
    if (!isFull(error)) throw error;
    if (database.isTransaction) database.exec('ROLLBACK');
  }
}

function readHolder(database: DatabaseSync): string {
  try {
    const row = database.prepare('SELECT text FROM holder').get();
    return String(row?.['text'] ?? 'a process that is starting');
  } catch {
    // It is just being written: the lock says someone is there, which is enough.
    return 'a process that is starting';
  }
}

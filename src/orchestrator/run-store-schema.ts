import type { SqliteFile } from '../base/sqlite-errors.ts';

/** One step per schema version, never edited once released. */
export const migrations: readonly string[] = [
  `CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
   CREATE TABLE runs (
     age INTEGER PRIMARY KEY, run_id TEXT NOT NULL UNIQUE, plan TEXT NOT NULL, plan_digest TEXT NOT NULL,
     actor TEXT NOT NULL, submitted_at TEXT NOT NULL, source TEXT, enforce_locks INTEGER NOT NULL,
     phase TEXT NOT NULL, status TEXT NOT NULL, cancelled_by TEXT,
     next_sequence INTEGER NOT NULL, previous_hash TEXT NOT NULL, status_sequence INTEGER NOT NULL);
   CREATE INDEX runs_unpublished ON runs (age) WHERE phase <> 'published';
   CREATE TABLE items (
     run INTEGER NOT NULL, item INTEGER NOT NULL, status TEXT NOT NULL, attempt INTEGER NOT NULL,
     failures INTEGER NOT NULL, losses INTEGER NOT NULL, due_at INTEGER, reason TEXT, result_ref TEXT,
     artifacts TEXT, done_at INTEGER, PRIMARY KEY (run, item)) WITHOUT ROWID;
   CREATE TABLE records (
     run INTEGER NOT NULL, sequence INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (run, sequence)) WITHOUT ROWID;
   CREATE TABLE manifests (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, text TEXT NOT NULL);
   CREATE INDEX manifests_of_run ON manifests (run, id);
   CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, text TEXT NOT NULL);
   CREATE TABLE seals (run INTEGER PRIMARY KEY, seal TEXT NOT NULL);
   CREATE TABLE anchors (run_id TEXT PRIMARY KEY, entry TEXT NOT NULL) WITHOUT ROWID;`,
  'ALTER TABLE items ADD COLUMN is_cancelling INTEGER NOT NULL DEFAULT 0',
  `ALTER TABLE items ADD COLUMN inquiry TEXT;
   ALTER TABLE items ADD COLUMN is_human_touched INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE items ADD COLUMN usage TEXT`,
  'CREATE TABLE owed_anchors (run INTEGER PRIMARY KEY)',
];

/** How messages speak of the files of run state. */
export const runStateWords = {
  subject: 'run state',
  next: {
    'disk-full': 'Free some space; the daemon goes on by itself',
    'state-corrupt':
      'Move the file aside (mv FILE FILE.bad) and start again; patches and outputs are safe in the storage folder, published bundles in the mailbox',
    'state-newer': 'Use the newer Agora that wrote it, or another state folder',
  },
} satisfies Omit<SqliteFile, 'file'>;

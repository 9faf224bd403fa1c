/** One step per schema version of a server's database, never edited once released. Times are ISO 8601 in UTC. */
export const migrations: readonly string[] = [
  `CREATE TABLE users (name TEXT PRIMARY KEY, role TEXT NOT NULL, created_at TEXT NOT NULL) WITHOUT ROWID;
   CREATE TABLE tokens (
     token_id TEXT PRIMARY KEY, digest TEXT NOT NULL UNIQUE, user TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
     label TEXT NOT NULL, created_at TEXT NOT NULL, last_used_at TEXT, expires_at TEXT) WITHOUT ROWID;
   CREATE TABLE join_tokens (
     token_id TEXT PRIMARY KEY, digest TEXT NOT NULL UNIQUE, created_by TEXT NOT NULL,
     created_at TEXT NOT NULL, expires_at TEXT NOT NULL, uses_left INTEGER NOT NULL) WITHOUT ROWID;
   CREATE TABLE hosts (
     host_id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, admission TEXT NOT NULL, public_key TEXT NOT NULL UNIQUE,
     sealing_key TEXT NOT NULL, registration_token TEXT NOT NULL, address TEXT NOT NULL, is_encrypted INTEGER NOT NULL,
     enrolled_at TEXT NOT NULL, last_seen_at TEXT, agent_started_at TEXT, engine TEXT NOT NULL DEFAULT 'unknown', engine_since TEXT,
     facts TEXT, settings TEXT NOT NULL, wants_new_keys INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
   CREATE INDEX hosts_of_machine ON hosts (registration_token);
   CREATE TABLE revisions (
     host_id TEXT NOT NULL REFERENCES hosts ON DELETE CASCADE, revision INTEGER NOT NULL, spec_digest TEXT NOT NULL, spec TEXT NOT NULL,
     secrets BLOB NOT NULL, actor TEXT NOT NULL, message TEXT NOT NULL, times TEXT NOT NULL, problem TEXT,
     PRIMARY KEY (host_id, revision)) WITHOUT ROWID;
   CREATE TABLE reports (
     host_id TEXT PRIMARY KEY REFERENCES hosts ON DELETE CASCADE, sequence INTEGER NOT NULL, revision INTEGER,
     observation TEXT, steps TEXT NOT NULL, workspaces TEXT NOT NULL, problems TEXT NOT NULL) WITHOUT ROWID;
   CREATE TABLE activity (
     sequence INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
     subject TEXT NOT NULL, details TEXT NOT NULL);
   CREATE INDEX activity_of_subject ON activity (subject, sequence);
   CREATE TRIGGER activity_is_kept BEFORE UPDATE ON activity BEGIN SELECT RAISE(ABORT, 'activity is only added to'); END;`,
  `CREATE TABLE builds (
     host_id TEXT NOT NULL REFERENCES hosts ON DELETE CASCADE, build_id TEXT NOT NULL, queued_at TEXT NOT NULL, build TEXT NOT NULL,
     next_line INTEGER NOT NULL DEFAULT 0, log_bytes INTEGER NOT NULL DEFAULT 0, is_to_end INTEGER NOT NULL DEFAULT 0,
     PRIMARY KEY (host_id, build_id)) WITHOUT ROWID;
   CREATE TABLE build_lines (
     host_id TEXT NOT NULL, build_id TEXT NOT NULL, line INTEGER NOT NULL, text TEXT NOT NULL,
     PRIMARY KEY (host_id, build_id, line),
     FOREIGN KEY (host_id, build_id) REFERENCES builds ON DELETE CASCADE) WITHOUT ROWID;`,
  `CREATE TABLE metric_samples (
     host_id TEXT NOT NULL REFERENCES hosts ON DELETE CASCADE, at INTEGER NOT NULL, figures TEXT NOT NULL,
     PRIMARY KEY (host_id, at)) WITHOUT ROWID;
   CREATE TABLE metric_chunks (
     host_id TEXT NOT NULL REFERENCES hosts ON DELETE CASCADE, level INTEGER NOT NULL, kind TEXT NOT NULL, "of" TEXT NOT NULL,
     start INTEGER NOT NULL, columns BLOB NOT NULL, PRIMARY KEY (host_id, level, kind, "of", start));
   CREATE TABLE alert_rules (name TEXT PRIMARY KEY, changes TEXT NOT NULL) WITHOUT ROWID;
   CREATE TABLE alert_channels (
     name TEXT PRIMARY KEY, target TEXT NOT NULL, settings BLOB NOT NULL, last_delivered_at TEXT, last_error TEXT) WITHOUT ROWID;
   CREATE TABLE alerts (
     alert_id TEXT PRIMARY KEY, host_id TEXT NOT NULL REFERENCES hosts ON DELETE CASCADE, rule TEXT NOT NULL, subject TEXT NOT NULL,
     message TEXT NOT NULL, raised_at TEXT NOT NULL, resolved_at TEXT, times INTEGER NOT NULL) WITHOUT ROWID;
   CREATE INDEX alerts_by_time ON alerts (raised_at);
   CREATE TABLE alert_notices (
     notice_id TEXT NOT NULL, channel TEXT NOT NULL REFERENCES alert_channels ON DELETE CASCADE, notice TEXT NOT NULL,
     made_at TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, next_at TEXT NOT NULL, PRIMARY KEY (notice_id, channel)) WITHOUT ROWID;`,
  `ALTER TABLE revisions ADD COLUMN is_applied INTEGER NOT NULL DEFAULT 0;
   UPDATE revisions SET is_applied = json_extract(times, '$.applied') IS NOT NULL;
   CREATE INDEX revisions_numbers ON revisions (host_id, revision);
   CREATE INDEX revisions_applied ON revisions (host_id, is_applied, revision);
   CREATE TRIGGER activity_stays BEFORE DELETE ON activity BEGIN SELECT RAISE(ABORT, 'activity is only added to'); END;`,
  `ALTER TABLE tokens ADD COLUMN role TEXT;`,
  // With row ids, samples are added at the end: in the order of their key each of them fills pages of its own.
  `ALTER TABLE metric_samples RENAME TO metric_samples_by_key;
   CREATE TABLE metric_samples (
     host_id TEXT NOT NULL REFERENCES hosts ON DELETE CASCADE, at INTEGER NOT NULL, figures TEXT NOT NULL, PRIMARY KEY (host_id, at));
   INSERT INTO metric_samples SELECT host_id, at, figures FROM metric_samples_by_key ORDER BY at;
   DROP TABLE metric_samples_by_key;`,
  `ALTER TABLE tokens ADD COLUMN made_with TEXT;
   CREATE INDEX tokens_made_with ON tokens (made_with);`,
];

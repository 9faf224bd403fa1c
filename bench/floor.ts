import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** What this machine's disk and SQLite take for one durable commit of one row, in milliseconds, sorted. */
export async function commitTimesMs(count: number): Promise<number[]> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-floor-'));
  const database = new DatabaseSync(join(folder, 'floor.db'));
  try {
    database.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT)',
    );
    const insert = database.prepare('INSERT INTO rows (text) VALUES (?)');
    const text = 'x'.repeat(400);
    return Array.from({ length: count }, () => {
      const startedAt = performance.now();
      insert.run(text);
      return performance.now() - startedAt;
    }).sort((left, right) => left - right);
  } finally {
    database.close();
    await rm(folder, { recursive: true, force: true });
  }
}

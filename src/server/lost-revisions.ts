import type { SqliteDatabase } from '../base/sqlite-database.ts';
import type { HostId } from '../contracts/fleet-ids.ts';
import type { Revisions } from './revisions.ts';

export interface LostRevisionsPorts {
  readonly database: SqliteDatabase;
  readonly revisions: Revisions;
}

/**
 * A host that tells of a number which was never handed out here had it before this server was restored from a backup: it takes
 * nothing else under it. What is declared moves past it. Gives whether it did; inside a transaction.
 */
export function movePastLost({ database, revisions }: LostRevisionsPorts, hostId: HostId, told: number): boolean {
  const latest = revisions.find(hostId);
  if (latest === undefined) return false;
  const { change, spec } = latest;
  const { revision, specDigest, actor, message, times } = change;
  const isLost = times.delivered === undefined && told >= revision && revisions.nextNumber(hostId, told) > told;
  if (!isLost) return false;
  const at = times.accepted ?? new Date(0).toISOString();
  revisions.add(hostId, { specDigest, spec, secrets: latest.secrets, actor, message, at, told });
  database.run('DELETE FROM revisions WHERE host_id = ? AND revision = ?', hostId, revision);
  return true;
}

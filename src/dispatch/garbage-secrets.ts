import { leftoverAgeMs } from '../base/leftovers.ts';
import type { DispatchRecord } from '../contracts/dispatch.ts';
import { resolveEnv, secretRefsInUse } from '../registry/envs.ts';
import type { StagedSecret } from '../secrets/secrets.ts';
import { isEnded } from './ending.ts';
import { type Garbage, type GarbageOptions, removing } from './garbage-item.ts';
import type { DispatchPlace } from './place.ts';
import { dispatchOfStaged } from './staged-secrets.ts';

/** Between staging a secret and the record that refers to it. */
const acceptMs = 3_600_000;

interface Records extends ReadonlyMap<string, DispatchRecord> {
  readonly unreadable: ReadonlySet<string>;
}

/**
 * Staged secrets that nothing needs: those of dispatches that have ended, and those that no env refers to any more. The
 * latter only after a day, and not while runs are open that may have been resolved before.
 */
export async function secretGarbage(
  place: DispatchPlace,
  records: Records,
  { hasOpenRuns, now }: GarbageOptions,
): Promise<Garbage[]> {
  const { secretStore: store } = place;
  const staged = (await store?.list()) ?? [];
  if (store === undefined || staged.length === 0) return [];
  const inUse = hasOpenRuns || records.unreadable.size > 0 ? undefined : await refsInUse(place, records);
  const isGarbage = (secret: StagedSecret): boolean => {
    const age = now - Date.parse(secret.stagedAt);
    const dispatchId = dispatchOfStaged(secret.name);
    if (dispatchId === undefined) return inUse !== undefined && age > leftoverAgeMs && !inUse.has(secret.ref);
    if (records.unreadable.has(dispatchId)) return false;
    const last = lastOf(records, dispatchId);
    return last === undefined ? age > acceptMs : !needsSecrets(last);
  };
  return staged.filter(isGarbage).map(({ name, ref }) => removing(`secret ${name}`, () => store.remove(ref)));
}

/** What envs refer to now, and what dispatches refer to that go on or may be answered. */
async function refsInUse(place: DispatchPlace, records: Records): Promise<ReadonlySet<string>> {
  const { storage, namespace } = place;
  const refs = await secretRefsInUse(storage, namespace);
  for (const { work, resolved } of [...records.values()].filter(needsSecrets)) {
    for (const ref of Object.values(work.secrets)) refs.add(ref);
    for (const { name, digest } of resolved.env) {
      const { env } = await resolveEnv(storage, namespace, `${name}@${digest}`);
      for (const ref of Object.values(env.secrets)) refs.add(ref);
    }
  }
  return refs;
}

function needsSecrets(record: DispatchRecord): boolean {
  return !isEnded(record) || (record.status === 'waiting' && record.answeredBy === undefined);
}

/** The dispatch that goes on last with what one began. */
function lastOf(records: Records, dispatchId: string): DispatchRecord | undefined {
  let last = records.get(dispatchId);
  const seen = new Set<DispatchRecord>();
  while (last?.answeredBy !== undefined && !seen.has(last)) {
    seen.add(last);
    last = records.get(last.answeredBy) ?? last;
  }
  return last;
}

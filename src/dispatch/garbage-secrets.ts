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
  const needing = [...records.values()].filter((record) => needsSecrets(record, records));
  const ofDispatches = new Set(needing.flatMap(({ work }) => Object.values(work.secrets)));
  const ofEnvs = hasOpenRuns || records.unreadable.size > 0 ? undefined : await refsOfEnvs(place, needing);
  const isGarbage = ({ name, ref, stagedAt }: StagedSecret): boolean => {
    if (ofDispatches.has(ref)) return false;
    const age = now - Date.parse(stagedAt);
    const dispatchId = dispatchOfStaged(name);
    if (dispatchId === undefined) return ofEnvs !== undefined && age > leftoverAgeMs && !ofEnvs.has(ref);
    if (records.unreadable.has(dispatchId)) return false;
    return records.has(dispatchId) || age > acceptMs;
  };
  return staged.filter(isGarbage).map(({ name, ref }) => removing(`secret ${name}`, () => store.remove(ref)));
}

/** What envs refer to now, and what those refer to that dispatches were resolved with. */
async function refsOfEnvs({ storage, namespace }: DispatchPlace, needing: readonly DispatchRecord[]) {
  const refs = await secretRefsInUse(storage, namespace);
  for (const { name, digest } of needing.flatMap(({ resolved }) => resolved.env)) {
    const { env } = await resolveEnv(storage, namespace, `${name}@${digest}`);
    for (const ref of Object.values(env.secrets)) refs.add(ref);
  }
  return refs;
}

/** Also one that was answered while the records were read: the dispatch that goes on is not among them. */
function needsSecrets(record: DispatchRecord, records: Records): boolean {
  if (!isEnded(record)) return true;
  return record.status === 'waiting' && (record.answeredBy === undefined || !records.has(record.answeredBy));
}

import type { Close } from '../contracts/session-wire.ts';
import { deskRefusals } from './desk-refusals.ts';
import type { Session } from './session.ts';

/** A session, or one that is being opened, which has none yet. */
interface Held {
  readonly actor: string;
  readonly session?: Session;
}

interface Limits {
  readonly mostSessions: number;
  readonly mostPerActor: number;
}

/**
 * Makes room for one more session of a user by ending the one that has waited longest for its viewers. Returns why there is no room where
 * none waits.
 */
export function makeRoom(
  actor: string,
  held: readonly Held[],
  { mostSessions, mostPerActor }: Limits,
): Close | undefined {
  const own = held.filter((one) => one.actor === actor);
  if (own.length >= mostPerActor) {
    return endLongestAway(own) ? undefined : deskRefusals.tooMany(`"${actor}" has`, mostPerActor);
  }
  if (held.length < mostSessions || endLongestAway(held)) return undefined;
  return deskRefusals.tooMany('its host has', mostSessions);
}

/** Whether there was one to end. */
function endLongestAway(held: readonly Held[]): boolean {
  const away = held.flatMap(({ session }) => {
    const since = session?.awaySince;
    return session === undefined || since === undefined ? [] : [{ session, since }];
  });
  const [longest] = away.sort((one, other) => one.since - other.since);
  longest?.session.close({ code: 'limit-exceeded', message: 'it made room for another session' });
  return longest !== undefined;
}

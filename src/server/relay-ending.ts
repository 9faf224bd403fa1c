import type { LiveSession } from '../contracts/routes-sessions.ts';
import type { Close } from '../contracts/session-wire.ts';
import { type GivenUp, giveUpSeat, unanswered } from './give-up-seat.ts';
import type { UserCaller } from './handler.ts';
import { type LiveSessions, noBytes, seatOf, type Viewing } from './live-sessions.ts';
import { viewingProblem } from './relay-admission.ts';
import type { RelayJudge } from './relay-judge.ts';
import type { SessionActivity } from './session-activity.ts';

export interface RelayEndingPorts {
  readonly live: LiveSessions;
  readonly judge: RelayJudge;
  readonly activity: SessionActivity;
  /** The same caller as their token lets them be now; undefined where it is valid no more. */
  readonly callerNow: (tokenId: string) => UserCaller | undefined;
}

const giveUpMs = 15_000;

/** Ends sessions that somebody wants ended, and viewings of those who may not have them any more. */
export class RelayEnding {
  readonly #ports: RelayEndingPorts;
  /** Viewings whose host was told and has not answered. */
  readonly #givingUp = new Set<Viewing>();

  constructor(ports: RelayEndingPorts) {
    this.#ports = ports;
  }

  /** Ends one that is listed for all of its viewers. Raises `not-ready` where its host cannot be told. */
  async end(session: Pick<LiveSession, 'sessionId' | 'host'>, by: UserCaller, signal: AbortSignal): Promise<void> {
    const { live } = this.#ports;
    const close: Close = { code: 'refused', message: `${by.user.name} ended it` };
    const one = live.oneOf(session);
    if (one === undefined) return;
    // First the viewers who are away: the host keeps the session for them.
    const waiting = live.viewingsOf(one).filter(({ splice }) => splice === undefined);
    await Promise.all(
      waiting.map(async (viewing) => {
        const how = await this.#giveUp(viewing, close, signal);
        if (how !== 'returned') live.forget(viewing);
      }),
    );
    // With those who came back meanwhile.
    for (const { splice } of live.viewingsOf(one)) splice?.close(close);
  }

  /** Ends the sessions of those who may not have them any more. */
  checkCallers(): void {
    const { viewings } = this.#ports.live;
    const callers = new Map<string, UserCaller | undefined>();
    for (const { caller } of viewings) {
      if (!callers.has(caller.tokenId)) callers.set(caller.tokenId, this.#ports.callerNow(caller.tokenId));
    }
    for (const viewing of viewings) {
      const problem = viewingProblem(viewing, callers.get(viewing.caller.tokenId));
      if (problem !== undefined) this.#takeAway(viewing, problem);
    }
  }

  /** Ends what a caller may not have any more, also while it waits for them. Where the host cannot be told, it ends when nobody comes back. */
  #takeAway(viewing: Viewing, close: Close): void {
    if (viewing.splice !== undefined) {
      viewing.splice.close(close);
      return;
    }
    if (this.#givingUp.has(viewing)) return;
    // One that was not accepted may still be opened on its host: it stays, so that the next look tries again.
    if (viewing.accept !== undefined) this.#forget(viewing, close);
    this.#givingUp.add(viewing);
    void this.#giveUp(viewing, close, AbortSignal.timeout(giveUpMs))
      .then(
        (how) => how !== 'returned' && this.#forget(viewing, close),
        () => undefined,
      )
      .finally(() => this.#givingUp.delete(viewing));
  }

  #forget(viewing: Viewing, close: Close): void {
    const { live, activity } = this.#ports;
    const { caller, address, open, sessionId } = viewing;
    if (!live.viewings.includes(viewing)) return;
    live.forget(viewing);
    activity.closed({ user: caller.user.name, address, open, ...noBytes, sessionId, close, seconds: 0 });
  }

  /** In the name of its viewer, whatever they may do now. */
  async #giveUp(viewing: Viewing, close: Close, signal: AbortSignal): Promise<GivenUp> {
    const seat = seatOf(viewing);
    if (seat === undefined) return 'over';
    const way = this.#ports.judge.wayTo(viewing, { seat, received: 0, credit: 0 });
    if (!('to' in way)) throw unanswered();
    return giveUpSeat(way.to, way.request, close, signal);
  }
}

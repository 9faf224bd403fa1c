import type { AlertRule } from '../contracts/alerts.ts';
import type { Watched } from './alerts-conditions.ts';

/** What is remembered of one thing that a rule speaks of. */
export interface AlertState {
  readonly isRaised: boolean;
  /** Since when it is otherwise than raised or not raised says. */
  readonly changingSince: number | undefined;
  /** When it came about lately, oldest first: it was raised, or came back before it was resolved. */
  readonly raisedAt: readonly number[];
}

/** What is judged: it is so, it is not, or nobody knows. */
export interface Judged {
  readonly isSo: boolean | undefined;
  /** Empty where it is not so. */
  readonly message: string;
}

export type AlertEvent =
  | { readonly kind: 'raise'; readonly times: number; readonly message: string }
  | { readonly kind: 'resolve' };

export const noState: AlertState = { isRaised: false, changingSince: undefined, raisedAt: [] };
const mostTimes = 16;

/** What comes again within this time comes and goes. */
export const flappingMs = 1_800_000;
const longestClearMs = 900_000;

/**
 * Raises what has been so for long enough, and resolves what has been over for long enough. Each time that an alert came back doubles how
 * long it must be over: one that comes and goes stays raised, and tells nobody twice.
 */
export function judge(
  state: AlertState,
  condition: Judged,
  { rule, now }: { readonly rule: AlertRule; readonly now: number },
): { readonly state: AlertState; readonly event?: AlertEvent } {
  const raisedAt = state.raisedAt.filter((at) => now - at < flappingMs);
  const isSo = rule.isEnabled ? condition.isSo : false;
  // Not known changes nothing, and does not count towards either.
  if (isSo === undefined) return { state: { ...state, raisedAt, changingSince: undefined } };
  if (isSo === state.isRaised) {
    const isBack = isSo && state.changingSince !== undefined;
    return {
      state: { isRaised: isSo, raisedAt: isBack ? withOne(raisedAt, now) : raisedAt, changingSince: undefined },
    };
  }
  const since = state.changingSince ?? now;
  const waitMs = isSo ? rule.forSeconds * 1000 : clearMs(rule, raisedAt.length);
  if (now - since < waitMs) return { state: { isRaised: state.isRaised, raisedAt, changingSince: since } };
  if (!isSo) return { state: { isRaised: false, changingSince: undefined, raisedAt }, event: { kind: 'resolve' } };
  const raised = withOne(raisedAt, now);
  return {
    state: { isRaised: true, changingSince: undefined, raisedAt: raised },
    event: { kind: 'raise', times: raised.length, message: condition.message },
  };
}

/** Nothing was watched for a while, or the clock was set: how long something has been so begins anew. */
export function afterGap({ isRaised, raisedAt }: AlertState, now: number): AlertState {
  return { isRaised, changingSince: undefined, raisedAt: raisedAt.filter((at) => at <= now) };
}

function withOne(raisedAt: readonly number[], now: number): readonly number[] {
  return [...raisedAt, now].slice(-mostTimes);
}

function clearMs({ isEnabled, clearSeconds }: AlertRule, times: number): number {
  if (!isEnabled) return 0;
  return Math.max(clearSeconds * 1000, Math.min(longestClearMs, clearSeconds * 1000 * 2 ** Math.max(0, times - 1)));
}

/** Names it, for a map. */
export function alertKey({ rule, hostId, subject }: Watched): string {
  // Only a subject may hold a space.
  return `${rule} ${hostId} ${subject}`;
}

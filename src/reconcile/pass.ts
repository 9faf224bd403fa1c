import { formatDuration } from '../base/duration.ts';
import { hostLabels } from '../contracts/fleet-names.ts';
import type { PlanProblem, PlanStep } from '../contracts/host-change.ts';
import { isDue, waitMs } from './backoff.ts';
import { entryOf } from './entry-of.ts';
import type { Inventory } from './inventory.ts';
import type { Memory } from './memory.ts';
import type { Move, Step } from './step.ts';
import { noteStop } from './stops.ts';
import type { Target } from './target.ts';

/** One decision in the making. */
export interface Pass {
  readonly target: Target;
  readonly inventory: Inventory;
  readonly memory: Memory;
  readonly now: number;
  /** Whether there is too little space to pull, build or create. */
  readonly isDiskShort: boolean;
  /** For people: all that a spec leads to, whatever failed before. */
  readonly isPlan: boolean;
  readonly steps: Step[];
  readonly problems: PlanProblem[];
  /** Attempts that are being made, with their fingerprints. */
  readonly underWay: ReadonlyMap<string, string>;
  /** Those of them that are still wanted. */
  readonly stillWanted: Set<string>;
  /** Workspaces that steps of earlier decisions are still at: nothing else is done to them. */
  readonly busy: ReadonlyMap<string, PlanStep>;
  /** Attempts that failed and still matter. */
  readonly attempts: Set<string>;
  wakeAt: number;
  /** Something is still to prove itself, to end or to become possible. */
  isWaiting: boolean;
}

/** Whether something that others need is there: after these steps, or not until something is mended. */
export interface Readiness {
  readonly after: readonly number[];
  readonly blockedBy?: string;
}
export const isThere: Readiness = { after: [] };

export interface NewStep extends Pick<PlanStep, 'kind' | 'name' | 'reason'> {
  readonly moves: readonly Move[];
  readonly after?: readonly number[];
  /** Default: its kind and name. */
  readonly attempt?: string;
  readonly fingerprint?: string;
  /** The host is as declared without it: that it fails is no problem. Default: false. */
  readonly isTidying?: boolean;
}

/** Adds a step and gives its index, or undefined while it waits because it failed. */
export function addStep(pass: Pass, step: NewStep): number | undefined {
  const { kind, name, reason, moves } = step;
  const attempt = step.attempt ?? `${kind} ${name}`;
  const fingerprint = step.fingerprint ?? '';
  if (isUnderWay(pass, attempt, fingerprint) || isHeldBack(pass, { ...step, attempt, fingerprint })) return undefined;
  for (const move of moves) if (move.do === 'stop') noteStop(pass.memory, move, pass.now);
  const after = [...new Set(step.after ?? [])].sort((left, right) => left - right);
  return pass.steps.push({ kind, name, reason, after, moves, attempt, fingerprint }) - 1;
}

/** Whether this very thing is being done. It is then left to go on. */
function isUnderWay(pass: Pass, attempt: string, fingerprint: string): boolean {
  if (pass.underWay.get(attempt) !== fingerprint) return false;
  pass.stillWanted.add(attempt);
  pass.isWaiting = true;
  return true;
}

/** The outcome of `addStep` for those that need what the step makes. */
export function readyAfter(step: number | undefined, blockedBy: string): Readiness {
  return step === undefined ? { after: [], blockedBy } : { after: [step] };
}

export function wakeBy(pass: Pass, at: number): void {
  pass.wakeAt = Math.min(pass.wakeAt, at);
  pass.isWaiting = true;
}

export function tell(pass: Pass, name: string, message: string, next?: string): void {
  pass.problems.push(next === undefined ? { name, message } : { name, message, next });
}

/** Labels of something of ours. */
export function labelsOf(
  pass: Pass,
  identity: { readonly kind: string; readonly name: string; readonly digest: string },
): Record<string, string> {
  return {
    [hostLabels.host]: pass.target.hostId,
    [hostLabels.kind]: identity.kind,
    [hostLabels.name]: identity.name,
    [hostLabels.spec]: identity.digest,
  };
}

/** True while there is too little space for something new, which is then told once. */
export function isOutOfSpace(pass: Pass): boolean {
  if (!pass.isDiskShort) return false;
  pass.isWaiting = true;
  return true;
}

function isHeldBack(pass: Pass, step: NewStep & Pick<Step, 'attempt' | 'fingerprint'>): boolean {
  const { name, attempt, fingerprint, isTidying = false } = step;
  const failure = entryOf(pass.memory.failures, attempt);
  if (failure === undefined || failure.fingerprint !== fingerprint || pass.isPlan) return false;
  pass.attempts.add(attempt);
  if (failure.heldRevision === pass.target.revision) {
    tell(pass, name, failure.message, 'To have it tried again: agora host apply --again.');
    return true;
  }
  const isLater = !isDue(failure.nextAt, pass.now);
  if (isLater) pass.wakeAt = Math.min(pass.wakeAt, failure.nextAt);
  if (isTidying) return isLater;
  pass.isWaiting ||= isLater;
  const times = failure.attempts === 1 ? 'once' : `${failure.attempts} times`;
  // Not when: that would be by the clock of the host.
  const pause = formatDuration(waitMs(failure.attempts));
  tell(
    pass,
    name,
    `${failure.message} (tried ${times})`,
    `It is tried again ${pause} after that; a change of its spec is tried at once.`,
  );
  return isLater;
}

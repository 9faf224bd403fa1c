import { type AppError, isAppError } from '../contracts/errors.ts';
import type { FailureCode } from '../contracts/run.ts';
import type { Collected } from '../dispatch/collect.ts';
import { artifactsOf } from '../dispatch/outcome.ts';
import type { DispatchResult } from '../dispatch/result.ts';
import { patchPaths } from '../worktree/patch-paths.ts';
import type { Artifact, Asked, AttemptOutcome, AttemptRequest } from './executor.ts';
import { keyCovers } from './lock-table.ts';
import { questionView } from './question-view.ts';
import { spentOf } from './spent.ts';

/** How an attempt ended, from how its dispatch did. */
export function attemptOutcome(request: AttemptRequest, namespace: string, result: DispatchResult): AttemptOutcome {
  const { collected, ...judged } = result;
  const artifacts: Artifact[] =
    collected === undefined ? [] : artifactsOf({ namespace, dispatchId: request.dispatchId }, collected).map(withPath);
  const asked = result.outcome === 'needs-input' ? askedOf(request, collected, artifacts) : undefined;
  const usage = collected?.result?.usage;
  return {
    ...withLogHint(judged, request, artifacts),
    artifacts,
    ...(asked === undefined ? {} : { asked }),
    ...(usage === undefined ? {} : { usage: spentOf(usage) }),
    ...(collected !== undefined && collected.shells.length > 0 ? { humanTouched: true } : {}),
  };
}

export interface Objection {
  readonly code: FailureCode;
  readonly message: string;
}

/** Why a patch is no result: it must be one that can be applied, and with `enforceLocks` touch only what the locks cover. */
export function objectionTo(patch: Uint8Array, locks: readonly string[], enforceLocks: boolean): Objection | undefined {
  let paths: readonly string[];
  try {
    paths = patchPaths(patch);
  } catch (error) {
    if (!isAppError(error, 'invalid-input')) throw error;
    return { code: 'integrity', message: `its patch cannot be applied anywhere: ${error.message}` };
  }
  if (!enforceLocks) return undefined;
  const outside = paths.find((path) => !locks.some((key) => keyCovers(key, path)));
  if (outside === undefined) return undefined;
  return { code: 'lock-violation', message: `its patch touches "${outside}", which none of its resourceLocks covers` };
}

function withPath({ path, ...artifact }: ReturnType<typeof artifactsOf>[number]): Artifact {
  return path === undefined ? artifact : { ...artifact, path };
}

function askedOf(
  { dispatchId }: AttemptRequest,
  collected: Collected | undefined,
  artifacts: readonly Artifact[],
): Asked | undefined {
  const refOf = (port: Artifact['port']) => artifacts.find((artifact) => artifact.port === port)?.ref;
  const ref = refOf('question');
  if (collected?.question === undefined || ref === undefined) return undefined;
  const [partialPatch, session] = [refOf('patch'), refOf('session')];
  const sessionId = collected.result?.sessionId;
  return {
    question: questionView(collected.question.question, { dispatchId, ref }),
    ...(partialPatch === undefined ? {} : { partialPatch }),
    ...(session === undefined ? {} : { session }),
    ...(session === undefined || sessionId === undefined ? {} : { sessionId }),
  };
}

/** A failed item's reason says where to read what it printed. */
function withLogHint<T extends Pick<AttemptOutcome, 'outcome' | 'message'>>(
  outcome: T,
  { dispatchId }: AttemptRequest,
  artifacts: readonly Artifact[],
): T {
  if (outcome.outcome !== 'failed' || !artifacts.some((artifact) => artifact.port === 'log')) return outcome;
  const hint = `what it printed: agora dispatch logs ${dispatchId}`;
  return { ...outcome, message: outcome.message === undefined ? hint : `${outcome.message}; ${hint}` };
}

/** Codes that say more than `refused` are kept; what may pass was waited for. */
export function objectionOf({ code, message, next }: AppError): Objection {
  const known: FailureCode = code === 'image-missing' || code === 'secret-missing' ? code : 'refused';
  return {
    code: code === 'artifact-mismatch' ? 'integrity' : known,
    message: next === undefined ? message : `${message}. ${next}`,
  };
}

export function refusal({ code, message }: Objection, durationMs: number) {
  return { outcome: 'failed' as const, code, message: message.slice(0, 1024), durationMs };
}

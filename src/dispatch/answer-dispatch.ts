import type { DispatchRecord } from '../contracts/dispatch.ts';
import { AppError } from '../contracts/errors.ts';
import type { ArtifactRef, DispatchId } from '../contracts/ids.ts';
import type { Answer } from '../contracts/question.ts';
import {
  type AcceptedDispatch,
  type AcceptOptions,
  acceptDispatch,
  type Continuation,
  type DispatchRequest,
} from './accept.ts';
import { claimAnswer } from './answer-claim.ts';
import { refuseCredentialAnswer } from './answer-credentials.ts';
import { randomDispatchId } from './dispatch-id.ts';
import type { DispatchPlace } from './place.ts';
import { requireRecord, writeRecord } from './records.ts';
import type { NamedDigest } from './resolve-work.ts';

/**
 * Accepts a dispatch that goes on with an answer: the same work, pinned to what ran before, on top of what was done. Of
 * two answers at once the first wins, the other is `refused`.
 */
export async function answerDispatch(
  place: DispatchPlace,
  asked: DispatchId,
  answer: Answer['answer'],
  options: Omit<AcceptOptions, 'continues' | 'dispatchId'>,
): Promise<AcceptedDispatch> {
  const record = await requireRecord(place, asked);
  requireWaiting(record);
  refuseCredentialAnswer(answer);
  const dispatchId = randomDispatchId();
  const claim = await claimAnswer(place, record, dispatchId);
  if (claim.kind === 'taken') throw notWaiting(await requireRecord(place, asked), claim.dispatchId);
  let accepted: AcceptedDispatch;
  try {
    const continues = continuationOf(record, answer, options.actor);
    accepted = await acceptDispatch(place, pinnedWork(record), { ...options, dispatchId, continues });
  } catch (error) {
    await claim.release();
    throw error;
  }
  await writeRecord(place, { ...(await requireRecord(place, asked)), answeredBy: dispatchId });
  return accepted;
}

function continuationOf({ dispatchId, result }: DispatchRecord, answer: Answer['answer'], actor: string): Continuation {
  const question = result?.question;
  if (question === undefined) {
    throw new AppError('state-corrupt', `Cannot answer dispatch "${dispatchId}": its record holds no question`, {
      next: 'Dispatch the work again: somebody else wrote to the storage.',
    });
  }
  const { partial_state } = question;
  const artifact = (port: string): ArtifactRef | undefined =>
    result?.artifacts.find((each) => each.port === port && each.path === undefined)?.ref;
  const session = artifact('session');
  return {
    dispatchId,
    answer: {
      question: question.question,
      answer,
      ...(partial_state === undefined ? {} : { partial_state }),
      actor,
      at: new Date().toISOString(),
    },
    partialPatch: artifact('patch'),
    session,
    sessionId: session === undefined ? undefined : result?.sessionId,
  };
}

/** Names may lead elsewhere by now; what was asked is answered to what asked it. */
function pinnedWork({ work, resolved }: DispatchRecord): DispatchRequest {
  const pin = ({ name, digest }: NamedDigest) => `${name}@${digest}`;
  const { pipeline } = resolved;
  return {
    ...work,
    subagent: pin(resolved.subagent),
    capabilities: resolved.capabilities.map(pin),
    addCapabilities: [],
    env: resolved.env.map(pin),
    ...(pipeline === undefined ? {} : { pipeline: pin(pipeline) }),
  };
}

/** Raises `refused` when it asks nothing, or no more. */
export function requireWaiting(record: DispatchRecord): void {
  if (record.status !== 'waiting' || record.answeredBy !== undefined) throw notWaiting(record);
}

function notWaiting(record: DispatchRecord, answeredBy = record.answeredBy): AppError {
  const { dispatchId, status } = record;
  const state = answeredBy === undefined ? `it is ${status}` : `it was answered already, by dispatch ${answeredBy}`;
  const shown = answeredBy ?? dispatchId;
  return new AppError('refused', `Cannot answer dispatch "${dispatchId}": ${state}`, {
    next: `agora dispatch describe ${shown}`,
  });
}

import * as z from 'zod';
import type { DispatchRecord } from '../contracts/dispatch.ts';
import { type DispatchId, dispatchIdSchema } from '../contracts/ids.ts';
import { ownerState, thisProcess } from './owner.ts';
import { namesOf, type RecordPlace, readRecord } from './records.ts';

const claimSchema = z.object({
  owner: z.object({ host: z.string(), pid: z.int(), startTicks: z.string() }),
  /** The dispatch that goes on with the answer; absent: the question was cancelled. */
  dispatchId: dispatchIdSchema.optional(),
});
type AnswerClaim = z.infer<typeof claimSchema>;

export type ClaimResult =
  /** Whoever has it answers or cancels; `release` gives it back when that failed. */
  | { readonly kind: 'claimed'; readonly release: () => Promise<void> }
  | { readonly kind: 'taken'; readonly dispatchId: DispatchId | undefined };

/**
 * Of several that answer or cancel one question at once, one gets it. Claims are numbered names, each made once; a later
 * one counts only where the process that made the one before is gone and nothing came of it.
 */
export async function claimAnswer(
  place: RecordPlace,
  asked: DispatchRecord,
  dispatchId: DispatchId | undefined,
): Promise<ClaimResult> {
  const { storage, namespace } = place;
  for (;;) {
    const last = await lastClaim(place, asked.dispatchId);
    if (last !== undefined && (await holds(place, asked, last.claim))) {
      return { kind: 'taken', dispatchId: last.claim?.dispatchId };
    }
    const name = `${asked.dispatchId}.${(last?.number ?? 0) + 1}`;
    const path = { namespace, type: 'dispatch-answer', name } as const;
    const claim: AnswerClaim = { owner: thisProcess(), ...(dispatchId === undefined ? {} : { dispatchId }) };
    if (await storage.createName(path, JSON.stringify(claim))) {
      return { kind: 'claimed', release: () => storage.removeName(path) };
    }
  }
}

async function lastClaim(place: RecordPlace, asked: DispatchId) {
  const numbers = (await namesOf(place, 'dispatch-answer', asked)).map((name) => Number(name.slice(asked.length + 1)));
  const number = Math.max(0, ...numbers.filter(Number.isInteger));
  if (number === 0) return undefined;
  const { storage, namespace } = place;
  const text = await storage.getName({ namespace, type: 'dispatch-answer', name: `${asked}.${number}` });
  return { number, claim: text === undefined ? undefined : claimSchema.parse(JSON.parse(text)) };
}

/** One that was released between two looks holds nothing, and its number is free again. */
async function holds(place: RecordPlace, asked: DispatchRecord, claim: AnswerClaim | undefined): Promise<boolean> {
  if (claim === undefined) return false;
  if (ownerState(claim.owner) !== 'gone') return true;
  if (claim.dispatchId !== undefined) return (await readRecord(place, claim.dispatchId)) !== undefined;
  return (await readRecord(place, asked.dispatchId))?.status !== 'waiting';
}

import { type ArtifactRef, digestOfRef, type ItemId, type RunId } from '../contracts/ids.ts';
import type { MailboxSubmissionTransport } from '../orchestrator/submission-transport.ts';
import type { Storage } from '../storage/storage.ts';
import { notTaken } from './not-taken.ts';
import { type RunState, readRunState } from './run-state.ts';

export interface ItemPatch {
  readonly item: ItemId;
  readonly ref: ArtifactRef;
}

export interface RunPatches {
  readonly state: RunState;
  /** Of items that are done, in the order they got done: the order in which they apply. */
  readonly patches: readonly ItemPatch[];
}

/** Raises `not-ready` or `run-failed` for a run that no daemon took. */
export async function readRunPatches(transport: MailboxSubmissionTransport, runId: RunId): Promise<RunPatches> {
  const state = await readRunState(transport, runId);
  if (state === undefined) throw await notTaken(transport, runId, `Cannot get patches of run "${runId}"`);
  const patches = new Map<ItemId, ArtifactRef>();
  for await (const { items } of transport.statusesAt(await transport.statusKeys(runId))) {
    for (const item of items) {
      if (item.status === 'done' && item.resultRef !== undefined) patches.set(item.id, item.resultRef);
    }
  }
  return { state, patches: Array.from(patches, ([item, ref]) => ({ item, ref })) };
}

export async function readPatch(storage: Storage, patch: ItemPatch): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of storage.getBlob(digestOfRef(patch.ref))) chunks.push(chunk);
  return Buffer.concat(chunks);
}

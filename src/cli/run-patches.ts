import { type ArtifactRef, digestOfRef, type ItemId, type RunId } from '../contracts/ids.ts';
import type { MailboxSubmissionTransport } from '../orchestrator/submission-transport.ts';
import type { Storage } from '../storage/storage.ts';
import { mergeStatus, type RunState } from './run-state.ts';

export interface ItemPatch {
  readonly item: ItemId;
  readonly ref: ArtifactRef;
}

export interface RunPatches {
  readonly state: RunState | undefined;
  /** Of items that are done, in the order they got done: the order in which they apply. */
  readonly patches: readonly ItemPatch[];
}

export async function readRunPatches(transport: MailboxSubmissionTransport, runId: RunId): Promise<RunPatches> {
  let state: RunState | undefined;
  const patches = new Map<ItemId, ArtifactRef>();
  for (const key of await transport.statusKeys(runId)) {
    const record = await transport.statusAt(key);
    state = mergeStatus(state, record);
    for (const item of record.items) {
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

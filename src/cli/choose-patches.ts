import { AppError } from '../contracts/errors.ts';
import type { RunId } from '../contracts/ids.ts';
import { findItem } from './find-item.ts';
import type { ItemPatch, RunPatches } from './run-patches.ts';

/** The patches of the named items, or of all; in the order they apply. None to give is an error that says why. */
export function choosePatches(runId: RunId, found: RunPatches, words: readonly string[]): readonly ItemPatch[] {
  const { state, patches } = found;
  const named = new Set(words.map((word) => findItem(state, word)));
  for (const item of named) {
    if (patches.some((patch) => patch.item === item.id)) continue;
    const reason = item.status === 'done' ? 'it changed nothing' : `it is ${item.status}`;
    throw new AppError('not-found', `Cannot get the patch of item "${item.id}" of run "${runId}": ${reason}`);
  }
  const ids = new Set(Array.from(named, (item) => item.id));
  const chosen = words.length === 0 ? patches : patches.filter((patch) => ids.has(patch.item));
  if (chosen.length > 0) return chosen;
  const reason = `it is ${state.record.status} and no item that is done changed a file`;
  throw new AppError('not-found', `Cannot get patches of run "${runId}": ${reason}`, {
    next: `agora orch status ${runId}`,
  });
}

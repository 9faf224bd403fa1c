import { AppError } from '../contracts/errors.ts';
import type { NamePath, Storage } from '../storage/storage.ts';
import { moveName, type Pinned, type RegistryType } from './registered.ts';

export interface Move extends Pinned {
  readonly type: RegistryType;
}

interface Earlier {
  readonly path: NamePath;
  readonly text: string | undefined;
}

/** Moves every name, or none: a failure puts those that were moved back to what they led to. */
export async function moveNames(storage: Storage, namespace: string, moves: readonly Move[]): Promise<void> {
  const moved: Earlier[] = [];
  try {
    for (const { type, name, digest } of moves) {
      const path = { namespace, type, name };
      // Noted before the move: one that failed half-way may have happened.
      moved.push({ path, text: await storage.getName(path) });
      await moveName(storage, namespace, type, { name, digest });
    }
  } catch (cause) {
    await moveBack(storage, moved, cause);
    throw cause;
  }
}

async function moveBack(storage: Storage, moved: readonly Earlier[], cause: unknown): Promise<void> {
  const stuck: string[] = [];
  for (const { path, text } of moved.toReversed()) {
    try {
      if ((await storage.getName(path)) === text) continue;
      await (text === undefined ? storage.removeName(path) : storage.putName(path, text));
    } catch {
      stuck.push(`${path.type} "${path.name}"`); // Told below, with why the whole failed.
    }
  }
  if (stuck.length === 0) return;
  const message = `Cannot register all together: ${stuck.join(', ')} could not be put back`;
  throw new AppError('unreachable', message, { cause, next: 'Run the command again: it completes what was begun.' });
}

import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { canonicalize } from '../base/canonical-json.ts';
import { AppError } from '../contracts/errors.ts';
import { nameSchema } from '../contracts/ids.ts';
import type { NamePath, Storage } from '../storage/storage.ts';

const moveSchema = z.object({
  type: z.enum(['capability', 'subagent', 'env', 'pipeline']),
  name: nameSchema,
  /** What the name is to hold; left out: it is to be gone. */
  text: z.string().optional(),
});
export type NameMove = z.infer<typeof moveSchema>;

const journalSchema = z.object({ id: z.uuid(), moves: z.array(moveSchema) });

/** How many others are let through before this one gives up. */
const mostTries = 100;

/**
 * Moves every name or none, whatever is killed: what is to be done is written down first, and whoever looks at a name
 * next completes it. A failure puts back those that were moved.
 */
export async function moveTogether(storage: Storage, namespace: string, moves: readonly NameMove[]): Promise<void> {
  if (moves.length === 0) return;
  const journal = journalOf(moves);
  const earlier = await begin(storage, namespace, journal, moves);
  try {
    await carryOut(storage, namespace, journal, moves);
  } catch (cause) {
    await putBack(storage, namespace, earlier, cause);
    throw cause;
  }
}

/** Completes what a process began that was killed; to be awaited before any name of the registry is read or moved. */
export async function completeMoves(storage: Storage, namespace: string): Promise<void> {
  const journal = await storage.getName(journalPath(namespace));
  if (journal !== undefined) await carryOut(storage, namespace, journal, parseJournal(journal));
}

export function isJournal({ type, name }: NamePath): boolean {
  return type === 'deployment' && name === journalName;
}

const journalName = 'pending-moves';

function journalPath(namespace: string): NamePath {
  return { namespace, type: 'deployment', name: journalName };
}

function journalOf(moves: readonly NameMove[]): string {
  return canonicalize({ id: randomUUID(), moves });
}

function parseJournal(text: string): readonly NameMove[] {
  try {
    return journalSchema.parse(JSON.parse(text)).moves;
  } catch (cause) {
    throw new AppError('state-corrupt', `Cannot complete a registration: "${journalName}" in storage is damaged`, {
      next: 'Remove it there, then register again what was under way.',
      cause,
    });
  }
}

/** Gives what the names held before. */
async function begin(
  storage: Storage,
  namespace: string,
  journal: string,
  moves: readonly NameMove[],
): Promise<NameMove[]> {
  for (let tries = 0; tries < mostTries; tries++) {
    await completeMoves(storage, namespace);
    const earlier: NameMove[] = [];
    for (const { type, name } of moves) {
      const text = await storage.getName({ namespace, type, name });
      earlier.push({ type, name, ...(text === undefined ? {} : { text }) });
    }
    if (await storage.createName(journalPath(namespace), journal)) return earlier;
  }
  throw new AppError('unreachable', 'Cannot register all together: others register without a pause', {
    next: 'Try again when they have ended; nothing was registered.',
  });
}

// Done twice it is the same, so that two may do it at once; who finds the journal gone has been overtaken, and what was
// registered since stays.
async function carryOut(
  storage: Storage,
  namespace: string,
  journal: string,
  moves: readonly NameMove[],
): Promise<void> {
  for (const { type, name, text } of moves) {
    const path = { namespace, type, name };
    if ((await storage.getName(journalPath(namespace))) !== journal) return;
    if ((await storage.getName(path)) === text) continue;
    await (text === undefined ? storage.removeName(path) : storage.putName(path, text));
  }
  const path = journalPath(namespace);
  if ((await storage.getName(path)) === journal) await storage.removeName(path);
}

async function putBack(storage: Storage, namespace: string, earlier: readonly NameMove[], cause: unknown) {
  const journal = journalOf(earlier);
  try {
    await storage.putName(journalPath(namespace), journal);
    await carryOut(storage, namespace, journal, earlier);
  } catch {
    const names = earlier.map(({ type, name }) => `${type} "${name}"`).join(', ');
    const message = `Cannot register all together: ${names} could not be put back`;
    throw new AppError('unreachable', message, { cause, next: 'Run the command again: it decides it either way.' });
  }
}

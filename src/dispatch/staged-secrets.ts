import { AppError } from '../contracts/errors.ts';
import type { DispatchId } from '../contracts/ids.ts';
import type { SecretStore } from '../secrets/secrets.ts';

interface GivenSecrets {
  readonly dispatchId: DispatchId;
  /** Values by variable. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly ttlSeconds: number;
}

/** Keeps secrets of one dispatch and gives their refs by variable. A failure leaves none of them. */
export async function stageSecrets(
  store: SecretStore | undefined,
  given: GivenSecrets,
): Promise<Record<string, string>> {
  const refs: Record<string, string> = {};
  const entries = Object.entries(given.secrets);
  if (entries.length === 0) return refs;
  if (store === undefined) {
    throw new AppError('refused', `Cannot take secret "${entries[0]?.[0]}" inline: there is no secret store`, {
      next: 'Give a ref such as env:NAME, or give the client of the config a secretStore.',
    });
  }
  try {
    for (const [variable, value] of entries) {
      const name = `${namePrefix(given.dispatchId)}${variable}`;
      refs[variable] = (await store.stage({ name, value, ttlSeconds: given.ttlSeconds })).ref;
    }
    return refs;
  } catch (error) {
    await unstageSecrets(store, Object.values(refs));
    throw error;
  }
}

export async function unstageSecrets(store: SecretStore | undefined, refs: readonly string[]): Promise<void> {
  for (const ref of refs) await store?.remove(ref);
}

/** Removes what was staged for a dispatch that has ended. */
export async function unstageDispatch(
  store: SecretStore | undefined,
  { dispatchId, refs }: { readonly dispatchId: DispatchId; readonly refs: readonly string[] },
): Promise<void> {
  if (store === undefined || !refs.some((ref) => store.knows(ref))) return;
  // A ref may also lead to a secret of the user's own: only what has this dispatch's name is ours to remove.
  const staged = (await store.list()).filter(({ name }) => name.startsWith(namePrefix(dispatchId)));
  await unstageSecrets(
    store,
    staged.map(({ ref }) => ref),
  );
}

/** The dispatch a secret was staged for; undefined for all others. */
export function dispatchOfStaged(name: string): string | undefined {
  return /^dispatch (d-[a-z2-7]{26}) /.exec(name)?.[1];
}

function namePrefix(dispatchId: DispatchId): string {
  return `dispatch ${dispatchId} `;
}

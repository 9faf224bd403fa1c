import type { KeyObject } from 'node:crypto';
import * as z from 'zod';
import { canonicalize } from '../base/canonical-json.ts';
import { isSignedBy } from '../base/fleet-keys.ts';
import { openSealedText } from '../base/sealed-box.ts';
import { type DesiredState, desiredStateSchema } from '../contracts/agent-wire.ts';
import { AppError } from '../contracts/errors.ts';

/** A target as the server signed it, kept as it came: what a later release adds is under the signature as well. */
export const keptTargetSchema = z.object({ etag: z.string(), state: z.unknown(), signature: z.string() });
export type KeptTarget = z.infer<typeof keptTargetSchema>;

/** Who a target must be for and by, and what it may not fall behind. */
export interface Expected {
  readonly serverKey: string;
  readonly hostId: string;
  readonly last: Pick<DesiredState, 'revision' | 'specDigest'> | undefined;
}

/** The target, if it is the server's, for this host and no step back. Raises `no-trust` otherwise. */
export function acceptTarget({ state, signature }: Omit<KeptTarget, 'etag'>, expected: Expected): DesiredState {
  const { serverKey, hostId, last } = expected;
  if (!isSignedBy(serverKey, canonicalize(state), signature)) throw refused('its signature does not hold');
  const parsed = desiredStateSchema.safeParse(state);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new AppError('invalid-input', `Cannot take the target: ${issue?.path.join('.')}: ${issue?.message}`, {
      next: 'Use an agent of the release of the server.',
    });
  }
  const { data } = parsed;
  if (data.hostId !== hostId) throw refused(`it is for host ${data.hostId}, this one is ${hostId}`);
  if (last !== undefined && data.revision < last.revision) {
    throw refused(`its revision ${data.revision} is older than revision ${last.revision}, which was taken before`);
  }
  if (last !== undefined && data.revision === last.revision && data.specDigest !== last.specDigest) {
    throw refused(`revision ${data.revision} was another one before`);
  }
  return data;
}

/** Values by variable. Raises `secret-missing` where one is not there or not sealed to this host. */
export function openSecrets(
  refs: Readonly<Record<string, string>>,
  sealed: DesiredState['sealed'],
  keys: readonly KeyObject[],
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(refs).map(([variable, ref]) => {
      const box = Object.hasOwn(sealed, ref) ? sealed[ref] : undefined;
      if (box === undefined) throw secretMissing(variable, ref, 'the server has no value for it');
      for (const key of keys) {
        const value = openSealedText(key, box, ref);
        if (value !== undefined) return [variable, value];
      }
      throw secretMissing(variable, ref, "it is not sealed to this host's key");
    }),
  );
}

function secretMissing(variable: string, ref: string, state: string): AppError {
  return new AppError('secret-missing', `Cannot set "${variable}" from secret "${ref}": ${state}`, {
    next: 'Apply the spec again: agora host apply',
  });
}

function refused(state: string): AppError {
  return new AppError('no-trust', `Cannot take the target: ${state}`, {
    next: 'If the server was restored from a backup, apply the spec again until its revision is past that of this host.',
  });
}

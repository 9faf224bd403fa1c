import { createHash, randomBytes } from 'node:crypto';
import { canonicalize } from '../base/canonical-json.ts';
import type { DeploymentId, DispatchId, ItemId, RunId } from '../contracts/ids.ts';

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
const length = 26;

export interface AttemptName {
  readonly deploymentId: DeploymentId;
  readonly runId: RunId;
  readonly itemId: ItemId;
  readonly attempt: number;
}

/** The id of an attempt's dispatch: the same after a crash, different for every attempt anywhere. */
export function dispatchIdOf({ deploymentId, runId, itemId, attempt }: AttemptName): DispatchId {
  const name = canonicalize([deploymentId, runId, itemId, attempt]);
  return toDispatchId(createHash('sha256').update(name).digest());
}

/** An id for a dispatch that belongs to no run. */
export function randomDispatchId(): DispatchId {
  return toDispatchId(randomBytes(17));
}

/** Base32 (RFC 4648, lower case), cut to 26 characters. */
function toDispatchId(bytes: Uint8Array): DispatchId {
  let bits = 0;
  let held = 0;
  let text = '';
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xffff;
    bits += 8;
    while (bits >= 5 && text.length < length) {
      bits -= 5;
      text += alphabet[(held >> bits) & 31];
    }
  }
  return `d-${text}` as DispatchId;
}

import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeFileAtomically } from '../base/atomic-file.ts';
import { StrictJsonError } from '../base/strict-json.ts';
import { AppError, systemErrorCode } from '../contracts/errors.ts';
import type { Signer } from './signer.ts';
import { Refusal } from './verify/refusal.ts';
import { parseTrust, type Trust, type TrustedKey, trustFormat } from './verify/trust.ts';

export type { Trust, TrustedKey } from './verify/trust.ts';

/** The trust in a file, or undefined when there is no such file. */
export async function readTrustFile(path: string): Promise<Trust | undefined> {
  try {
    return parseTrust(await readFile(path));
  } catch (cause) {
    if (systemErrorCode(cause) === 'ENOENT') return undefined;
    throw unreadable(path, cause);
  }
}

/** Replaces the file. It holds public keys only, so everyone may read it. */
export async function writeTrustFile(path: string, trust: Trust): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFileAtomically(path, `${JSON.stringify(trust, null, 2)}\n`, { mode: 0o644 });
}

/** Makes sure the file trusts this signer for this origin, keeping what it says already. Returns the whole trust. */
export async function trustSigner(path: string, origin: string, signer: Signer): Promise<Trust> {
  const before = await readTrustFile(path);
  const keyId = await signer.keyId();
  const publicKeyPem = await signer.publicKeyPem();
  // The file may be made again long after the key: seals of before must stay valid.
  const after = withKey(before, origin, { keyId, publicKeyPem, status: 'active', notBefore: beginningOfTime });
  if (after !== before) await writeTrustFile(path, after);
  return after;
}

const beginningOfTime = new Date(0).toISOString();

/** The trust with this origin and key added; the same object when it has both. */
export function withKey(trust: Trust | undefined, origin: string, key: TrustedKey): Trust {
  const origins: readonly string[] = trust?.origins ?? [];
  const keys: readonly TrustedKey[] = trust?.keys ?? [];
  const hasOrigin = origins.includes(origin);
  const hasKey = keys.some(({ keyId }) => keyId === key.keyId);
  if (trust !== undefined && hasOrigin && hasKey) return trust;
  return {
    format: trustFormat,
    origins: hasOrigin ? origins : [...origins, origin],
    keys: hasKey ? keys : [...keys, key],
  };
}

function unreadable(path: string, cause: unknown): AppError {
  const isForm = cause instanceof Refusal || cause instanceof StrictJsonError;
  const state = isForm ? `${cause.path} ${cause.message}`.trim() : 'it cannot be read';
  return new AppError('no-trust', `Cannot use trust file "${path}": ${state}`, {
    cause,
    next: 'Get the file again from whoever runs the deployment; "agora orch serve" writes it as .agora/trust.json.',
  });
}

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createFileAtomically } from '../base/atomic-file.ts';
import { digestOf } from '../base/hash.ts';
import { AppError, isAppError, systemErrorCode } from '../contracts/errors.ts';
import type { Signer } from './signer.ts';

export interface LocalSignerOptions {
  /** PEM file of the key; made at first use, with its folder, when it is not there. */
  readonly keyFile: string;
}

/** Signs with an Ed25519 key kept in a file only its owner can read. */
export function createLocalSigner({ keyFile }: LocalSignerOptions): Signer {
  let pending: Promise<KeyObject> | undefined;
  const privateKey = async (): Promise<KeyObject> => {
    pending ??= loadOrMakeKey(keyFile);
    try {
      return await pending;
    } catch (error) {
      // A reader who repaired the file need not restart.
      pending = undefined;
      throw error;
    }
  };
  return {
    keyId: async () => digestOf(createPublicKey(await privateKey()).export({ type: 'spki', format: 'der' })),
    publicKeyPem: async () =>
      createPublicKey(await privateKey())
        .export({ type: 'spki', format: 'pem' })
        .toString(),
    sign: async (bytes) => sign(null, bytes, await privateKey()),
  };
}

async function loadOrMakeKey(keyFile: string): Promise<KeyObject> {
  try {
    return await loadKey(keyFile);
  } catch (error) {
    if (isAppError(error)) throw error;
    if (systemErrorCode(error) !== 'ENOENT') throw unreadable(keyFile, error);
  }
  await makeKey(keyFile);
  return loadKey(keyFile);
}

async function loadKey(keyFile: string): Promise<KeyObject> {
  const { mode } = await stat(keyFile);
  if ((mode & 0o077) !== 0) {
    throw new AppError(
      'state-corrupt',
      `Cannot use key file "${keyFile}": others than its owner may read or write it`,
      {
        next: `If nobody else has read it, run: chmod 600 "${keyFile}". Otherwise move it away; a new key is made at the next start.`,
      },
    );
  }
  return parseKey(await readFile(keyFile, 'utf8'), keyFile);
}

function parseKey(pem: string, keyFile: string): KeyObject {
  const next = 'Restore the file from a backup, or move it away; a new key is made at the next start.';
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (cause) {
    throw new AppError('state-corrupt', `Cannot use key file "${keyFile}": it holds no private key in PEM`, {
      cause,
      next,
    });
  }
  if (key.asymmetricKeyType !== 'ed25519') {
    const message = `Cannot use key file "${keyFile}": it holds a key of type "${key.asymmetricKeyType}", not Ed25519`;
    throw new AppError('state-corrupt', message, { next });
  }
  return key;
}

function unreadable(keyFile: string, cause: unknown): AppError {
  return new AppError(
    'state-corrupt',
    `Cannot read key file "${keyFile}": ${systemErrorCode(cause) ?? 'unexpected error'}`,
    {
      cause,
      next: 'Start the daemon as the user who owns the file.',
    },
  );
}

/** Of several at once the first wins, and all use its key. */
async function makeKey(keyFile: string): Promise<void> {
  await mkdir(dirname(keyFile), { recursive: true, mode: 0o700 });
  const { privateKey } = generateKeyPairSync('ed25519');
  await createFileAtomically(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }));
}

import { createPrivateKey, type KeyObject, randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createFileAtomically } from '../base/atomic-file.ts';
import { makePrivateKey } from '../base/fleet-keys.ts';
import { undefinedIfMissing } from '../base/missing-file.ts';
import { AppError, systemErrorCode } from '../contracts/errors.ts';

export interface ServerKeys {
  /** Ed25519: agents know the server by it. */
  readonly identity: KeyObject;
  /** 32 bytes for AES-256-GCM: what the database must not show in clear. */
  readonly atRest: Uint8Array;
}

const atRestBytes = 32;

/** Keys of a data folder, readable by their owner only; made the first time, when there is no database that they belong to. */
export async function loadServerKeys(folder: string, database: string): Promise<ServerKeys> {
  const identityFile = join(folder, 'server.pem');
  const atRestFile = join(folder, 'at-rest.key');
  const isFirst = (await undefinedIfMissing(stat(database))) === undefined;
  const own = isFirst ? ownFile : neededFile;
  const pem = await own(identityFile, () => makePrivateKey('ed25519').export({ type: 'pkcs8', format: 'pem' }));
  const atRest = Buffer.from((await own(atRestFile, () => randomBytes(atRestBytes).toString('hex'))).trim(), 'hex');
  if (atRest.length !== atRestBytes) throw broken(atRestFile, `it does not hold ${atRestBytes} bytes in hex`);
  return { identity: parseIdentity(identityFile, pem), atRest };
}

async function ownFile(file: string, make: () => string | Buffer): Promise<string> {
  try {
    return await readOwn(file);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
  await createFileAtomically(file, make().toString());
  return readOwn(file);
}

/** Another one in its place would be another server to the agents, or open no secret: that is for a person to decide. */
async function neededFile(file: string): Promise<string> {
  const text = await undefinedIfMissing(readOwn(file));
  if (text !== undefined) return text;
  throw new AppError('state-corrupt', `Cannot find key file "${file}": it is gone, and the database is there`, {
    next: 'Restore it from a backup. The guide on running a server says what is lost without it.',
  });
}

async function readOwn(file: string): Promise<string> {
  const { mode } = await stat(file);
  if ((mode & 0o077) !== 0) throw broken(file, 'others than its owner may read or write it');
  return readFile(file, 'utf8');
}

function parseIdentity(file: string, pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch (error) {
    throw broken(file, 'it holds no private key', error);
  }
  throw broken(file, 'it holds a key of another kind than Ed25519');
}

function broken(file: string, state: string, cause?: unknown): AppError {
  return new AppError('state-corrupt', `Cannot use key file "${file}": ${state}`, {
    cause,
    next: 'Restore it from a backup: agents know this server by its key. If only its rights are wrong: chmod 600.',
  });
}

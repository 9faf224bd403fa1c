import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { undefinedIfMissing } from '../base/missing-file.ts';
import { AppError, systemErrorCode } from '../contracts/errors.ts';

/** What proves an engine and us to each other, as PEM. */
export interface EngineCertificates {
  /** Absent: the authorities that Node trusts. */
  readonly ca: Buffer | undefined;
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
}

/** Reads `ca.pem`, `cert.pem` and `key.pem` of a folder, as the docker client lays them out. Raises `invalid-config`. */
export async function readEngineCertificates(folder: string): Promise<EngineCertificates> {
  const [ca, cert, key] = await Promise.all(['ca.pem', 'cert.pem', 'key.pem'].map((name) => readPem(folder, name)));
  if ((cert === undefined) === (key === undefined) && (ca !== undefined || cert !== undefined))
    return { ca, cert, key };
  const missing =
    ca === undefined && cert === undefined && key === undefined ? 'ca.pem' : `${cert ? 'key' : 'cert'}.pem`;
  throw new AppError('invalid-config', `Cannot use the certificates in "${folder}": there is no ${missing}`, {
    next: 'Set DOCKER_CERT_PATH to the folder that holds ca.pem, cert.pem and key.pem.',
  });
}

async function readPem(folder: string, name: string): Promise<Buffer | undefined> {
  try {
    return await undefinedIfMissing(readFile(join(folder, name)));
  } catch (cause) {
    const state = `it cannot be read (${systemErrorCode(cause) ?? 'unknown'})`;
    throw new AppError('invalid-config', `Cannot use "${join(folder, name)}": ${state}`, { cause });
  }
}

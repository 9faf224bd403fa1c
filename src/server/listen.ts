import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import { AppError, systemErrorCode } from '../contracts/errors.ts';

export interface TlsFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

export async function readTls(files: TlsFiles | undefined) {
  if (files === undefined) return undefined;
  const [cert, key] = await Promise.all([readPem(files.certificateFile), readPem(files.keyFile)]);
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    const pair = `certificate "${files.certificateFile}" with key "${files.keyFile}"`;
    throw new AppError('invalid-input', `Cannot use ${pair}: they are no certificate in PEM and its private key`, {
      cause,
    });
  }
  return { cert, key };
}

/** Listens, or says why not in plain words. */
export async function bind(
  http: FastifyInstance,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<void> {
  try {
    await http.listen({ host, port });
  } catch (cause) {
    const code = systemErrorCode(cause);
    const states: Record<string, string> = {
      EADDRINUSE: 'another program listens there',
      EACCES: 'this user may not listen there',
      EADDRNOTAVAIL: 'this machine has no such address',
    };
    const state = states[code ?? ''] ?? (cause instanceof Error ? cause.message : String(cause));
    throw new AppError('unreachable', `Cannot listen on "${host}:${port}": ${state}`, {
      cause,
      next: 'Choose another address with --listen.',
    });
  }
}

async function readPem(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new AppError(
      'invalid-input',
      `Cannot read certificate file "${file}": ${systemErrorCode(cause) ?? 'unreadable'}`,
      { cause },
    );
  }
}

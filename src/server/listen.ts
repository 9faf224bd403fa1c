import type { FastifyInstance } from 'fastify';
import { AppError, systemErrorCode } from '../contracts/errors.ts';

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

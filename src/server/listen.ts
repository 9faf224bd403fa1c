import type { FastifyInstance } from 'fastify';
import { AppError, systemErrorCode } from '../contracts/errors.ts';

/** Of connections that wait to be taken: a fleet comes back all at once. */
const backlog = 4_096;

/** Listens, or says why not in plain words. */
export async function bind(
  http: FastifyInstance,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<void> {
  try {
    await http.listen({ host, port, backlog });
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

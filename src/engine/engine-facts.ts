import { json } from 'node:stream/consumers';
import * as z from 'zod';
import { connectDocker } from './docker-connection.ts';
import { dial } from './docker-dial.ts';
import type { EngineEndpoint } from './endpoint.ts';

const factsSchema = z.object({ DockerRootDir: z.string(), SystemTime: z.iso.datetime({ offset: true }) });

/** What matters of an engine's machine before work is given to it. */
export interface EngineFacts {
  /** Where images and containers lie there. */
  readonly rootFolder: string;
  /** By how much its clock is ahead of ours, in milliseconds; as exact as half the answer took. */
  readonly clockAheadMs: number;
}

/** Raises what keeps the engine from answering. */
export async function readEngineFacts(endpoint: EngineEndpoint, signal: AbortSignal): Promise<EngineFacts> {
  const connection = connectDocker({ endpoint });
  const askedAt = Date.now();
  const found = await connection.call(
    { action: 'ask the engine about its machine', signal },
    async (docker, deadline) =>
      factsSchema.parse(await json(await dial(docker, { path: '/info', method: 'GET' }, deadline.signal))),
  );
  const ours = (askedAt + Date.now()) / 2;
  return { rootFolder: found.DockerRootDir, clockAheadMs: Date.parse(found.SystemTime) - ours };
}

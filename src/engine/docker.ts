import { json } from 'node:stream/consumers';
import * as z from 'zod';
import {
  connectDocker,
  type DockerConnection,
  type DockerConnectionOptions,
  type DockerTarget,
} from './docker-connection.ts';
import { containerStreams } from './docker-container-streams.ts';
import { containerCalls } from './docker-containers.ts';
import { dial } from './docker-dial.ts';
import { imageCalls } from './docker-images.ts';
import { networkCalls } from './docker-networks.ts';
import { ping } from './docker-ping.ts';
import type { Engine, EngineInformation } from './engine.ts';

/** An engine that speaks the Docker API: at an endpoint, or through a client the caller made. */
export function dockerEngine(target: DockerTarget, options: DockerConnectionOptions = {}): Engine {
  const connection = connectDocker(target, options);
  return {
    address: connection.address,
    ping: (signal) => ping(connection, signal),
    information: (signal) => information(connection, signal),
    ...imageCalls(connection),
    ...containerCalls(connection),
    ...containerStreams(connection),
    ...networkCalls(connection),
  };
}

export const informationSchema = z.object({
  ServerVersion: z.string(),
  OSType: z.string(),
  Architecture: z.string(),
  NCPU: z.number(),
  MemTotal: z.number(),
  CpuCfsQuota: z.boolean().optional(),
  MemoryLimit: z.boolean().optional(),
  PidsLimit: z.boolean().optional(),
});

/** Architectures as Go or the kernel names them, by Node's name. */
const architectures: Readonly<Record<string, string>> = { x86_64: 'x64', amd64: 'x64', aarch64: 'arm64' };

async function information(connection: DockerConnection, signal?: AbortSignal): Promise<EngineInformation> {
  const found = await connection.call({ action: 'ask the engine about itself', signal }, async (docker, deadline) =>
    informationSchema.parse(await json(await dial(docker, { path: '/info', method: 'GET' }, deadline.signal))),
  );
  return engineInformation(found);
}

export function engineInformation(found: z.infer<typeof informationSchema>): EngineInformation {
  return {
    version: found.ServerVersion,
    operatingSystem: found.OSType,
    architecture: architectures[found.Architecture] ?? found.Architecture,
    cpus: found.NCPU,
    memoryBytes: found.MemTotal,
    hasCpuLimit: found.CpuCfsQuota === true,
    hasMemoryLimit: found.MemoryLimit === true,
    hasPidsLimit: found.PidsLimit !== false,
  };
}

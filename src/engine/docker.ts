import type Dockerode from 'dockerode';
import { connectDocker, type DockerConnection } from './docker-connection.ts';
import { containerCalls } from './docker-containers.ts';
import { imageCalls } from './docker-images.ts';
import type { EngineEndpoint } from './endpoint.ts';
import type { Engine, EngineInformation } from './engine.ts';

/** An engine that speaks the Docker API: at an endpoint, or through a client the caller made. */
export function dockerEngine(target: { readonly endpoint: EngineEndpoint } | { readonly docker: Dockerode }): Engine {
  const connection = connectDocker(target);
  return {
    address: connection.address,
    ping: (signal) =>
      connection.call({ action: 'reach the engine', signal }, async (docker) => void (await docker.ping())),
    information: (signal) => information(connection, signal),
    ...imageCalls(connection),
    ...containerCalls(connection),
  };
}

/** Architectures as Go or the kernel names them, by Node's name. */
const architectures: Readonly<Record<string, string>> = { x86_64: 'x64', amd64: 'x64', aarch64: 'arm64' };

async function information(connection: DockerConnection, signal?: AbortSignal): Promise<EngineInformation> {
  const found = await connection.call({ action: 'ask the engine about itself', signal }, (docker) => docker.info());
  return {
    version: String(found.ServerVersion),
    operatingSystem: String(found.OSType),
    architecture: architectures[found.Architecture] ?? String(found.Architecture),
    cpus: Number(found.NCPU),
    memoryBytes: Number(found.MemTotal),
    hasCpuLimit: found.CpuCfsQuota === true,
    hasMemoryLimit: found.MemoryLimit === true,
    hasPidsLimit: found.PidsLimit !== false,
  };
}

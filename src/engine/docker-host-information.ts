import * as z from 'zod';
import { engineInformation, informationSchema } from './docker.ts';
import type { DockerConnection } from './docker-connection.ts';
import { ask } from './docker-request.ts';
import type { HostEngineInformation } from './host-engine.ts';

const hostSchema = informationSchema.extend({
  ID: z.string().default(''),
  Name: z.string(),
  KernelVersion: z.string(),
  OperatingSystem: z.string(),
  OSVersion: z.string().default(''),
  DockerRootDir: z.string(),
  CgroupVersion: z.string().default('1'),
  Runtimes: z.record(z.string(), z.unknown()).nullish(),
});
const versionSchema = z.object({ Components: z.array(z.object({ Name: z.string() })).nullish() });

export async function describeHost(connection: DockerConnection, signal?: AbortSignal): Promise<HostEngineInformation> {
  const call = { action: 'ask the engine about itself', signal };
  const [host, isPodman] = await Promise.all([
    ask(connection, call, { method: 'GET', path: '/info', answer: hostSchema }),
    isOfPodman(connection, signal),
  ]);
  const { OperatingSystem: system, OSVersion: release } = host;
  return {
    ...engineInformation(host),
    // Podman makes up another one for each answer.
    id: isPodman || host.ID === '' ? undefined : host.ID,
    hostName: host.Name,
    product: isPodman ? 'podman' : 'docker',
    kernel: host.KernelVersion,
    distribution: system.includes(release) ? system : `${system} ${release}`,
    rootFolder: host.DockerRootDir,
    cgroupVersion: host.CgroupVersion === '2' ? 2 : 1,
    runtimes: Object.keys(host.Runtimes ?? {}).sort(),
  };
}

export async function isOfPodman(connection: DockerConnection, signal?: AbortSignal): Promise<boolean> {
  const call = { action: 'ask the engine about itself', signal };
  const { Components } = await ask(connection, call, { method: 'GET', path: '/version', answer: versionSchema });
  return Components?.some(({ Name }) => Name.startsWith('Podman')) === true;
}

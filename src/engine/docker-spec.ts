import type { ContainerCreateOptions } from 'dockerode';
import type { ContainerSpec } from './engine.ts';

const cpuPeriodMicros = 100_000;

/** A container in the words of the Docker API. */
export function dockerCreateOptions(spec: ContainerSpec): ContainerCreateOptions {
  return {
    Image: spec.image,
    User: '0:0',
    Labels: { ...spec.labels },
    ...(spec.command && { Entrypoint: [...spec.command], Cmd: [] }),
    StopSignal: 'SIGTERM',
    AttachStdin: spec.hasStdin,
    OpenStdin: spec.hasStdin,
    StdinOnce: spec.hasStdin,
    Tty: false,
    HostConfig: {
      Init: true,
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      CapAdd: [...spec.capabilities],
      SecurityOpt: ['no-new-privileges'],
      NetworkMode: spec.network,
      Memory: spec.memoryBytes,
      MemorySwap: spec.memoryBytes,
      // A quota, not NanoCpus: the engine refuses those above what the machine has.
      CpuPeriod: cpuPeriodMicros,
      CpuQuota: Math.max(1_000, Math.round(spec.cpus * cpuPeriodMicros)),
      PidsLimit: spec.pids,
      Mounts: spec.volumes.map((path) => ({
        Type: 'volume',
        Target: path,
        Source: '',
        VolumeOptions: { NoCopy: true, Labels: {}, DriverConfig: { Name: 'local', Options: {} } },
      })),
      Tmpfs: { ...spec.tmpfs },
      LogConfig: { Type: 'json-file', Config: { 'max-size': String(spec.logBytes), 'max-file': '1' } },
    },
  };
}

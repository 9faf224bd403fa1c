import type { ContainerCreateOptions, DeviceMapping, DeviceRequest, HealthConfig, MountSettings } from 'dockerode';
import type { MountSpec, NetworkSpec, PortSpec, WorkspaceSpec } from '../contracts/host-spec.ts';
import { sizeInBytes, timeSpanInMs } from '../contracts/host-units.ts';
import type { HelperContainer, WorkspaceContainer } from './host-engine.ts';

const cpuPeriodMicros = 100_000;
const nanosecondsPerMs = 1_000_000;

/** A workspace in the words of the Docker API, on the first of its networks: older engines take no more at once. */
export function workspaceCreateOptions({ spec, imageId, secrets, labels }: WorkspaceContainer): ContainerCreateOptions {
  return {
    Image: imageId,
    Labels: { ...labels },
    Env: Object.entries({ ...spec.env, ...secrets }).map(([name, value]) => `${name}=${value}`),
    ...(spec.entrypoint && { Entrypoint: [...spec.entrypoint] }),
    ...(spec.command && { Cmd: [...spec.command] }),
    ...(spec.workingDirectory !== undefined && { WorkingDir: spec.workingDirectory }),
    ...(spec.user !== undefined && { User: spec.user }),
    ...(spec.hostname !== undefined && { Hostname: spec.hostname }),
    ...(spec.health && { Healthcheck: healthCheck(spec.health) }),
    ExposedPorts: Object.fromEntries(spec.ports.map((port) => [portKey(port), {}])),
    ...(spec.stdin && { OpenStdin: true }),
    ...(spec.tty && { Tty: true }),
    StopTimeout: Math.ceil(timeSpanInMs(spec.stopGrace) / 1_000),
    HostConfig: {
      ...(spec.networks[0] !== undefined && { NetworkMode: spec.networks[0] }),
      PortBindings: portBindings(spec.ports),
      Mounts: spec.mounts.map(mountSettings),
      RestartPolicy: { Name: spec.restart },
      Privileged: spec.privileged,
      ReadonlyRootfs: spec.readOnlyRoot,
      CapAdd: [...spec.capabilities],
      Devices: spec.devices.map(deviceMapping),
      ...limits(spec),
      ...(spec.gpus !== undefined && { DeviceRequests: [gpuRequest(spec.gpus)] }),
    },
  };
}

function limits({ cpus, memory, shm, pids }: WorkspaceSpec): ContainerCreateOptions['HostConfig'] {
  return {
    // A quota, not NanoCpus: the engine refuses those above what the machine has.
    ...(cpus !== undefined && {
      CpuPeriod: cpuPeriodMicros,
      CpuQuota: Math.max(1_000, Math.round(cpus * cpuPeriodMicros)),
    }),
    // The same with swap: otherwise the engine allows as much again there.
    ...(memory !== undefined && { Memory: sizeInBytes(memory), MemorySwap: sizeInBytes(memory) }),
    ...(shm !== undefined && { ShmSize: sizeInBytes(shm) }),
    ...(pids !== undefined && { PidsLimit: pids }),
  };
}

/** As `--gpus` of the `docker` command asks for them. */
function gpuRequest(gpus: NonNullable<WorkspaceSpec['gpus']>): DeviceRequest {
  const capabilities = { Driver: '', Capabilities: [['gpu']], Options: {} };
  if (gpus === 'all') return { ...capabilities, Count: -1, DeviceIDs: [] };
  if (typeof gpus === 'number') return { ...capabilities, Count: gpus, DeviceIDs: [] };
  return { ...capabilities, Count: 0, DeviceIDs: [...gpus] };
}

function healthCheck(health: NonNullable<WorkspaceSpec['health']>): HealthConfig {
  return {
    Test: ['CMD', ...health.command],
    Interval: timeSpanInMs(health.interval) * nanosecondsPerMs,
    Timeout: timeSpanInMs(health.timeout) * nanosecondsPerMs,
    Retries: health.retries,
    StartPeriod: timeSpanInMs(health.startPeriod) * nanosecondsPerMs,
  };
}

function portKey({ container, protocol }: PortSpec): string {
  return `${container}/${protocol}`;
}

function portBindings(ports: readonly PortSpec[]): Record<string, { HostIp: string; HostPort: string }[]> {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const port of ports) {
    bindings[portKey(port)] ??= [];
    bindings[portKey(port)]?.push({ HostIp: port.address, HostPort: port.host === undefined ? '' : `${port.host}` });
  }
  return bindings;
}

function mountSettings(mount: MountSpec): MountSettings {
  switch (mount.type) {
    case 'volume':
      return { Type: 'volume', Source: mount.volume, Target: mount.target, ReadOnly: mount.readOnly };
    case 'bind':
      return { Type: 'bind', Source: mount.source, Target: mount.target, ReadOnly: mount.readOnly };
    case 'tmpfs': {
      const options =
        mount.size === undefined ? {} : { TmpfsOptions: { SizeBytes: sizeInBytes(mount.size), Mode: 0o1777 } };
      return { Type: 'tmpfs', Source: '', Target: mount.target, ...options };
    }
  }
}

function deviceMapping(device: string): DeviceMapping {
  const [host = device, inside = host] = device.split(':');
  return { PathOnHost: host, PathInContainer: inside, CgroupPermissions: 'rwm' };
}

/** The body of a request for a network. */
export function networkCreateOptions(
  name: string,
  spec: NetworkSpec,
  labels: Readonly<Record<string, string>>,
): object {
  const pool = { ...(spec.subnet && { Subnet: spec.subnet }), ...(spec.gateway && { Gateway: spec.gateway }) };
  return {
    Name: name,
    Driver: spec.driver,
    CheckDuplicate: true,
    Internal: spec.internal,
    EnableIPv6: spec.subnet?.includes(':') === true,
    Labels: { ...spec.labels, ...labels },
    ...(Object.keys(pool).length > 0 && { IPAM: { Driver: 'default', Config: [pool] } }),
    Options: spec.parent === undefined ? {} : { parent: spec.parent },
  };
}

export function helperCreateOptions(helper: HelperContainer): ContainerCreateOptions {
  const hasStdin = helper.stdin !== undefined;
  return {
    Image: helper.image,
    Labels: { ...helper.labels },
    Entrypoint: [...helper.command],
    Cmd: [],
    User: '0:0',
    AttachStdin: hasStdin,
    AttachStdout: true,
    AttachStderr: true,
    OpenStdin: hasStdin,
    StdinOnce: hasStdin,
    HostConfig: {
      Binds: [...helper.binds],
      ReadonlyRootfs: true,
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'none', Config: {} },
      AutoRemove: helper.removesItself === true,
      NetworkMode: helperNetwork(helper),
      ...(helper.hostNamespaces && { PidMode: 'host', CgroupnsMode: 'host' }),
    },
  };
}

function helperNetwork({ networkOf, hostNamespaces }: HelperContainer): string {
  if (networkOf !== undefined) return `container:${networkOf}`;
  return hostNamespaces ? 'host' : 'none';
}

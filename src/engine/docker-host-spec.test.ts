import assert from 'node:assert/strict';
import { test } from 'node:test';
import { networkSpecSchema, workspaceSpecSchema } from '../contracts/host-spec.ts';
import { networkCreateOptions, workspaceCreateOptions } from './docker-host-spec.ts';

test('a workspace that declares nothing leaves everything to the engine and its image', () => {
  assert.deepEqual(optionsOf({}), {
    Image: 'sha256:ab',
    Labels: { mine: 'yes' },
    Env: [],
    ExposedPorts: {},
    StopTimeout: 10,
    HostConfig: {
      PortBindings: {},
      Mounts: [],
      RestartPolicy: { Name: 'unless-stopped' },
      Privileged: false,
      ReadonlyRootfs: false,
      CapAdd: [],
      Devices: [],
    },
  });
});

test('GPUs are asked for as the docker command does: all, a number, or by their names', () => {
  const request = (gpus: unknown) => optionsOf({ gpus }).HostConfig?.DeviceRequests;
  const gpu = { Driver: '', Capabilities: [['gpu']], Options: {} };

  assert.deepEqual(request('all'), [{ ...gpu, Count: -1, DeviceIDs: [] }]);
  assert.deepEqual(request(2), [{ ...gpu, Count: 2, DeviceIDs: [] }]);
  assert.deepEqual(request(['0', 'GPU-1b2c']), [{ ...gpu, Count: 0, DeviceIDs: ['0', 'GPU-1b2c'] }]);
});

test('processors are a quota, and memory includes swap', () => {
  const { HostConfig: host } = optionsOf({ cpus: 1.5, memory: '1g', shm: '64m', pids: 100 });

  assert.deepEqual(
    [host?.CpuPeriod, host?.CpuQuota, host?.NanoCpus, host?.Memory, host?.MemorySwap, host?.ShmSize, host?.PidsLimit],
    [100_000, 150_000, undefined, 2 ** 30, 2 ** 30, 2 ** 26, 100],
  );
});

test('a port may be published several times, with an address, or where the engine likes', () => {
  const ports = [
    { container: 80, host: 8080, address: '127.0.0.1' },
    { container: 80, host: 8081 },
    { container: 53, protocol: 'udp' },
  ];

  const options = optionsOf({ ports });

  assert.deepEqual(options.ExposedPorts, { '80/tcp': {}, '53/udp': {} });
  assert.deepEqual(options.HostConfig?.PortBindings, {
    '80/tcp': [
      { HostIp: '127.0.0.1', HostPort: '8080' },
      { HostIp: '0.0.0.0', HostPort: '8081' },
    ],
    '53/udp': [{ HostIp: '0.0.0.0', HostPort: '' }],
  });
});

test('mounts, devices, privileges and a health check are in the words of the engine', () => {
  const options = optionsOf({
    mounts: [
      { type: 'volume', volume: 'data', target: '/data', readOnly: true },
      { type: 'bind', source: '/srv', target: '/srv' },
      { type: 'tmpfs', target: '/tmp', size: '1m' },
    ],
    devices: ['/dev/fuse', '/dev/a:/dev/b'],
    capabilities: ['NET_ADMIN'],
    privileged: true,
    readOnlyRoot: true,
    networks: ['one', 'two'],
    health: { command: ['ok'], interval: '2s' },
    stopGrace: '1500ms',
  });

  assert.deepEqual(options.HostConfig?.Mounts, [
    { Type: 'volume', Source: 'data', Target: '/data', ReadOnly: true },
    { Type: 'bind', Source: '/srv', Target: '/srv', ReadOnly: false },
    { Type: 'tmpfs', Source: '', Target: '/tmp', TmpfsOptions: { SizeBytes: 1_048_576, Mode: 0o1777 } },
  ]);
  assert.deepEqual(options.HostConfig?.Devices, [
    { PathOnHost: '/dev/fuse', PathInContainer: '/dev/fuse', CgroupPermissions: 'rwm' },
    { PathOnHost: '/dev/a', PathInContainer: '/dev/b', CgroupPermissions: 'rwm' },
  ]);
  const { CapAdd, Privileged, ReadonlyRootfs, NetworkMode } = options.HostConfig ?? {};
  assert.deepEqual([CapAdd, Privileged, ReadonlyRootfs, NetworkMode], [['NET_ADMIN'], true, true, 'one']);
  assert.deepEqual(options.Healthcheck, {
    Test: ['CMD', 'ok'],
    Interval: 2_000_000_000,
    Timeout: 5_000_000_000,
    Retries: 3,
    StartPeriod: 0,
  });
  assert.equal(options.StopTimeout, 2);
});

test('a main program has an input and a terminal where the spec says so', () => {
  const has = (wish: object) => {
    const { OpenStdin, Tty, StdinOnce } = optionsOf(wish);
    return { OpenStdin, Tty, StdinOnce };
  };

  assert.deepEqual(has({}), { OpenStdin: undefined, Tty: undefined, StdinOnce: undefined });
  // Never once: what is attached to is left again and goes on.
  assert.deepEqual(has({ stdin: true, tty: true }), { OpenStdin: true, Tty: true, StdinOnce: undefined });
});

test('a secret goes before a plain variable of its name', () => {
  const spec = workspaceSpecSchema.parse({ image: 'x', env: { A: 'plain', B: 'b' } });

  const options = workspaceCreateOptions({ name: 'w', spec, imageId: 'x', secrets: { A: 'hidden' }, labels: {} });

  assert.deepEqual(options.Env, ['A=hidden', 'B=b']);
});

test('a macvlan network names its parent, its addresses and whether it leads out', () => {
  const spec = { driver: 'macvlan', parent: 'eth0', subnet: 'fd00::/64', gateway: 'fd00::1', labels: { a: 'b' } };

  assert.deepEqual(networkCreateOptions('lan', networkSpecSchema.parse(spec), { mine: 'yes' }), {
    Name: 'lan',
    Driver: 'macvlan',
    CheckDuplicate: true,
    Internal: false,
    EnableIPv6: true,
    Labels: { a: 'b', mine: 'yes' },
    IPAM: { Driver: 'default', Config: [{ Subnet: 'fd00::/64', Gateway: 'fd00::1' }] },
    Options: { parent: 'eth0' },
  });
});

function optionsOf(wish: object): ReturnType<typeof workspaceCreateOptions> {
  const spec = workspaceSpecSchema.parse({ image: 'x', ...wish });
  return workspaceCreateOptions({ name: 'w', spec, imageId: 'sha256:ab', secrets: {}, labels: { mine: 'yes' } });
}

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { aHost, cgroup1Files, cgroup2Files, containerId, procFiles, putFile } from './a-host.suite.ts';
import { LocalSource } from './local-source.ts';
import { hostSampleOf, secondsSince } from './rates.ts';
import { readText } from './text-file.ts';

const onlyHost = { host: true, containers: [] };
const onlyContainer = { host: false, containers: [containerId] };

test('a host is read from its files under another root, hardware alone counted once', async (t) => {
  const root = await aHost(t, procFiles);
  for (const name of ['sys/class/net/eth0/device', 'sys/block/sda/device', 'sys/block/nvme0n1/device']) {
    await mkdir(join(root, name), { recursive: true });
  }
  await mkdir(join(root, 'srv/my disk'), { recursive: true });

  const { host } = await new LocalSource({ root }).read(onlyHost);

  assert.ok(host);
  const { disks, ...others } = host;
  assert.deepEqual(others, {
    cpu: { total: 94_500, idle: 81_200 },
    cpus: [
      { total: 47_250, idle: 40_600 },
      { total: 47_250, idle: 40_600 },
    ],
    load: [0.52, 1.25, 2],
    memory: { totalBytes: 16_309_364 * 1024, availableBytes: 12_012_032 * 1024 },
    swap: { totalBytes: 2_097_148 * 1024, freeBytes: 2_000_000 * 1024 },
    io: { inBytes: (2048 + 1024) * 512, outBytes: (4096 + 1024) * 512 },
    network: { inBytes: 1_000_000, outBytes: 500_000 },
    processes: 2,
    pressure: { cpu: 0.125, memory: 0, io: 0.01 },
    uptimeSeconds: 1000.5,
  });
  assert.deepEqual(
    disks.map(({ path }) => path),
    ['/', '/srv/my disk'],
  );
});

test('where no device is hardware, what is made up is left out by its name', async (t) => {
  const root = await aHost(t, procFiles);

  const { host } = await new LocalSource({ root }).read(onlyHost);

  assert.deepEqual(host?.network, { inBytes: 1_000_000, outBytes: 500_000 });
  assert.deepEqual(host?.io, { inBytes: (2048 + 1024) * 512, outBytes: (4096 + 1024) * 512 });
});

test('a kernel without pressure figures, and a root without any files, are told as that', async (t) => {
  const { 'proc/pressure/cpu': _, ...withoutPressure } = procFiles;
  const old = await aHost(t, withoutPressure);
  const empty = await aHost(t, {});

  const { host } = await new LocalSource({ root: old }).read(onlyHost);
  const nothing = await new LocalSource({ root: empty }).read({ host: true, containers: [containerId] });

  assert.ok(host);
  assert.equal('pressure' in host, false);
  assert.deepEqual({ ...nothing, atMs: 0 }, { atMs: 0, containers: [] });
});

const counted = {
  id: containerId,
  cpuNanoseconds: 2_500_000_000,
  memoryBytes: 104_857_600 - 52_428_800,
  io: { inBytes: 5096, outBytes: 8192 },
  network: { inBytes: 12_345, outBytes: 6_789 },
  processes: 7,
};

for (const [place, files, limit] of [
  ['version 2, systemd driver', cgroup2Files(), { memoryLimitBytes: 268_435_456 }],
  ['version 2, cgroupfs driver', cgroup2Files(`docker/${containerId}`), { memoryLimitBytes: 268_435_456 }],
  [
    'version 2, rootless',
    cgroup2Files(`user.slice/user-1000.slice/user@1000.service/user.slice/docker-${containerId}.scope`),
    { memoryLimitBytes: 268_435_456 },
  ],
  ['version 2, Podman', cgroup2Files(`machine.slice/libpod-${containerId}.scope`), { memoryLimitBytes: 268_435_456 }],
  ['version 1, cgroupfs driver', cgroup1Files(), {}],
  ['version 1, systemd driver', cgroup1Files(`system.slice/docker-${containerId}.scope`), {}],
  ['version 1, a parent of its own', cgroup1Files(`jobs/deep/${containerId}`), {}],
] as const) {
  test(`a container is found and counted with cgroup ${place}`, async (t) => {
    const root = await aHost(t, { ...procFiles, ...files });
    await networkNamespaces(root);

    const { containers } = await new LocalSource({ root }).read(onlyContainer);

    assert.deepEqual(containers, [{ ...counted, ...limit }]);
  });
}

test('a container without a limit, without the io controller and on the network of its host tells the rest', async (t) => {
  const folder = `sys/fs/cgroup/system.slice/docker-${containerId}.scope`;
  const root = await aHost(t, { ...procFiles, ...cgroup2Files() });
  await putFile(root, `${folder}/memory.max`, 'max\n');
  await rm(join(root, folder, 'io.stat'));
  await networkNamespaces(root, 'net:[1]');

  const { containers } = await new LocalSource({ root }).read(onlyContainer);

  const { io: _io, network: _network, ...rest } = counted;
  assert.deepEqual(containers, [rest]);
});

test('a container that runs an init system of its own has its network told too', async (t) => {
  const folder = `sys/fs/cgroup/system.slice/docker-${containerId}.scope`;
  const root = await aHost(t, { ...procFiles, ...cgroup2Files() });
  await putFile(root, `${folder}/cgroup.procs`, '');
  await putFile(root, `${folder}/docker/inner/cgroup.procs`, '1\n');
  await putFile(root, `${folder}/init.scope/cgroup.procs`, '77\n');
  await networkNamespaces(root);

  const { containers } = await new LocalSource({ root }).read(onlyContainer);

  assert.deepEqual(containers[0]?.network, counted.network);
});

test('a container that comes later is found, and one that went is not there', async (t) => {
  const root = await aHost(t, { ...procFiles, ...cgroup2Files() });
  const source = new LocalSource({ root });
  const before = await source.read(onlyContainer);
  const [path = ''] = Object.keys(cgroup2Files()).filter((file) => file.endsWith('cpu.stat'));
  await rm(join(root, path, '..'), { recursive: true });

  const after = await source.read(onlyContainer);
  for (const [file, text] of Object.entries(cgroup2Files())) await putFile(root, file, text);
  const again = await source.read(onlyContainer);

  assert.deepEqual(
    [before, after, again].map(({ containers }) => containers.length),
    [1, 0, 1],
  );
});

test('a processor that is switched off keeps its place', async (t) => {
  const stat = procFiles['proc/stat']?.replace('cpu1 ', 'cpu2 ') ?? '';
  const root = await aHost(t, { ...procFiles, 'proc/stat': stat });

  const { host } = await new LocalSource({ root }).read(onlyHost);

  assert.deepEqual(
    host?.cpus.map(({ total }) => total),
    [47_250, 0, 47_250],
  );
});

test('a file that comes in small pieces is read to its end', async (t) => {
  const folder = await aHost(t, {});
  const pipe = join(folder, 'pipe');
  await promisify(execFile)('mkfifo', [pipe]);
  const writing = promisify(execFile)('sh', ['-c', `(printf one; sleep 0.1; printf two) >${pipe}`]);

  const text = readText(pipe);
  await writing;

  assert.equal(text, 'onetwo');
});

test('an id that is no id leads to no file', async (t) => {
  const root = await aHost(t, { ...procFiles, ...cgroup2Files() });

  const { containers } = await new LocalSource({ root }).read({ host: false, containers: ['../../..', '', 'x'] });

  assert.deepEqual(containers, []);
});

test('this machine is told as its own tools tell it', { skip: process.platform !== 'linux' }, async () => {
  const source = new LocalSource({ root: '' });
  const before = await source.read(onlyHost);
  const { stdout } = await promisify(execFile)('df', ['-kP', '/']);
  const now = await source.read(onlyHost);

  assert.ok(now.host && before.host);
  const sample = hostSampleOf(now.host, { before: before.host, seconds: secondsSince(before, now) });
  const [, totalKib = 0, usedKib = 0, freeKib = 0] = (stdout.split('\n')[1] ?? '').split(/ +/).map(Number);
  const root = sample.disks.find(({ path }) => path === '/');
  const meminfo = await readFile('/proc/meminfo', 'utf8');
  const total = Number(/MemTotal: +(\d+)/.exec(meminfo)?.[1]) * 1024;
  assert.equal(sample.memory.totalBytes, total);
  assert.ok(root && isNear(root.usedBytes, usedKib * 1024) && isNear(root.availableBytes, freeKib * 1024));
  assert.equal(root.totalBytes, totalKib * 1024);
  assert.ok(sample.cpus === undefined || sample.cpus.every((share) => share >= 0 && share <= 1));
  assert.ok(sample.processes > 1 && sample.uptimeSeconds > 0);
});

function isNear(value: number, expected: number): boolean {
  return Math.abs(value - expected) <= expected * 0.02;
}

async function networkNamespaces(root: string, ofContainer = 'net:[2]'): Promise<void> {
  for (const [pid, target] of [
    ['1', 'net:[1]'],
    ['77', ofContainer],
  ] as const) {
    await mkdir(join(root, `proc/${pid}/ns`), { recursive: true });
    await symlink(target, join(root, `proc/${pid}/ns/net`));
  }
}

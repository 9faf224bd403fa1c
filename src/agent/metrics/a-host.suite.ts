import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';

export const containerId = '4f1c7f6e1fdd2b0d9c3a8e55b7a60e9d1c2b3a4f5e6d7c8b9a0f1e2d3c4b5a69';

/** Files of a host, by their path, in a folder of their own. */
export async function aHost(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'agora-host-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) await putFile(root, path, text);
  return root;
}

export async function putFile(root: string, path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
}

/** In the formats of kernel 6.1, shortened and with round figures. */
export const procFiles: Readonly<Record<string, string>> = {
  'proc/stat': `cpu  10000 50 3000 80000 1200 0 250 0 700 0
cpu0 5000 25 1500 40000 600 0 125 0 350 0
cpu1 5000 25 1500 40000 600 0 125 0 350 0
intr 123456 9 0 0
ctxt 987654
btime 1763700000
`,
  'proc/meminfo': `MemTotal:       16309364 kB
MemFree:         1203440 kB
MemAvailable:   12012032 kB
Buffers:          310000 kB
Cached:          9000000 kB
SwapCached:         1024 kB
SwapTotal:       2097148 kB
SwapFree:        2000000 kB
`,
  'proc/loadavg': '0.52 1.25 2.00 2/512 12345\n',
  'proc/uptime': '1000.50 1900.00\n',
  'proc/diskstats': `   7       0 loop0 10 0 999 0 0 0 999 0 0 0 0
   8       0 sda 1000 0 2048 10 500 0 4096 10 0 10 20
   8       1 sda1 900 0 2000 10 500 0 4096 10 0 10 20
 253       0 dm-0 900 0 2000 10 500 0 4096 10 0 10 20
 259       0 nvme0n1 10 0 1024 1 10 0 1024 1 0 1 2
 259       1 nvme0n1p1 10 0 1024 1 10 0 1024 1 0 1 2
`,
  'proc/1/net/dev': `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 999999     100    0    0    0     0          0         0   999999     100    0    0    0     0       0          0
  eth0:1000000    1000    0    0    0     0          0         0   500000     900    0    0    0     0       0          0
docker0:   70000     100    0    0    0     0          0         0    80000     100    0    0    0     0       0          0
veth1a2b3c@if5:   70000     100    0    0    0     0          0         0    80000     100    0    0    0     0       0          0
`,
  'proc/1/mounts': `/dev/sda1 / ext4 rw,relatime 0 0
proc /proc proc rw 0 0
tmpfs /run tmpfs rw 0 0
/dev/sda1 /var/lib/docker/plugins ext4 rw 0 0
overlay /var/lib/docker/overlay2/abc/merged overlay rw 0 0
server:/export /mnt/share nfs4 rw 0 0
/dev/nvme0n1p1 /srv/my\\040disk xfs rw 0 0
`,
  'proc/pressure/cpu':
    'some avg10=12.50 avg60=3.00 avg300=1.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n',
  'proc/pressure/memory':
    'some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n',
  'proc/pressure/io':
    'some avg10=1.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.50 avg60=0.00 avg300=0.00 total=0\n',
  'proc/77/net/dev': `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    5000      50    0    0    0     0          0         0     5000      50    0    0    0     0       0          0
  eth0:   12345      50    0    0    0     0          0         0     6789      50    0    0    0     0       0          0
`,
};

const version2Files: Readonly<Record<string, string>> = {
  'cpu.stat': 'usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\nnr_periods 0\nnr_throttled 0\n',
  'memory.current': '104857600\n',
  'memory.max': '268435456\n',
  'memory.stat':
    'anon 41943040\nfile 62914560\nkernel 1048576\ninactive_anon 0\nactive_anon 41943040\ninactive_file 52428800\nactive_file 10485760\n',
  'io.stat':
    '8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n259:0 rbytes=1000 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n',
  'pids.current': '7\n',
  'cgroup.procs': '77\n78\n',
};

/** cgroup v2 under the systemd driver, as Docker 24 makes it. */
export function cgroup2Files(folder = `system.slice/docker-${containerId}.scope`): Record<string, string> {
  const files = Object.entries(version2Files).map(([name, text]) => [`sys/fs/cgroup/${folder}/${name}`, text]);
  return { 'sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io memory pids\n', ...Object.fromEntries(files) };
}

/** cgroup v1 under the cgroupfs driver, as Docker 20.10 makes it; `cpu` and `cpuacct` mounted together. */
export function cgroup1Files(folder = `docker/${containerId}`): Record<string, string> {
  const at = (controller: string, name: string) => `sys/fs/cgroup/${controller}/${folder}/${name}`;
  return {
    [at('cpu,cpuacct', 'cpuacct.usage')]: '2500000000\n',
    [at('memory', 'memory.usage_in_bytes')]: '104857600\n',
    [at('memory', 'memory.limit_in_bytes')]: '9223372036854771712\n',
    [at('memory', 'memory.stat')]:
      'cache 0\ninactive_file 1\nhierarchical_memory_limit 9223372036854771712\ntotal_cache 62914560\ntotal_inactive_file 52428800\n',
    [at('memory', 'cgroup.procs')]: '77\n78\n',
    [at('blkio', 'blkio.throttle.io_service_bytes')]:
      '8:0 Read 4096\n8:0 Write 8192\n8:0 Sync 12288\n8:0 Total 12288\n259:0 Read 1000\n259:0 Write 0\nTotal 13288\n',
    [at('pids', 'pids.current')]: '7\n',
  };
}

import type { SystemCall } from './isolation-syscall.ts';

const newUsers = 0x1000_0000;
const newMounts = 0x2_0000;
const atWorkingFolder = -100;
/** `struct file_handle` of inode 2, which is the root of a whole ext4 disk. */
const rootHandle = Uint8Array.of(8, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0);
const blockDevice = 0o60_600;
const firstDisk = 0xfe00;
const sessionKeyring = -3;

/** What would let a subagent become root, leave its folders, or reach into the kernel. Each must fail. */
export const forbiddenCalls: readonly SystemCall[] = [
  { name: 'setuid', number: 105, given: [0] },
  { name: 'setgid', number: 106, given: [0] },
  { name: 'setgroups', number: 116, given: [1, new Uint8Array(4)] },
  { name: 'chown of its own file to root', number: 92, given: ['/proc/self/cwd/call', 0, 0] },
  { name: 'mount', number: 165, given: ['none', '/tmp', 'tmpfs', 0, ''] },
  { name: 'remount of the root, writable', number: 165, given: ['none', '/', '', 0x20 | 0x1000, ''] },
  { name: 'umount2', number: 166, given: ['/proc', 2] },
  { name: 'chroot', number: 161, given: ['/tmp'] },
  { name: 'pivot_root', number: 155, given: ['/', '/'] },
  { name: 'mknod of a disk', number: 133, given: ['/tmp/disk', blockDevice, firstDisk] },
  { name: 'open_by_handle_at', number: 304, given: [atWorkingFolder, rootHandle, 0] },
  { name: 'unshare of users', number: 272, given: [newUsers] },
  { name: 'unshare of users and mounts', number: 272, given: [newUsers | newMounts] },
  { name: 'unshare of mounts', number: 272, given: [newMounts] },
  { name: 'keyctl of the session’s keys', number: 250, given: [0, sessionKeyring, 0] },
  { name: 'add_key', number: 248, given: ['user', 'agora', 'x', 1, sessionKeyring] },
  { name: 'request_key', number: 249, given: ['user', 'agora', 0, sessionKeyring] },
  { name: 'bpf', number: 321, given: [0, new Uint8Array([2, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0]), 16] },
  { name: 'perf_event_open', number: 298, given: [new Uint8Array(128), 0, -1, -1, 0] },
  { name: 'init_module', number: 175, given: ['', 0, ''] },
  { name: 'kexec_load', number: 246, given: [0, 0, 0, 0] },
  { name: 'reboot', number: 169, given: [0xfee1dead, 0x28121969, 0x89abcdef, 0] },
  { name: 'swapon', number: 167, given: ['/tmp/disk', 0] },
  { name: 'sethostname', number: 170, given: ['owned', 5] },
  { name: 'settimeofday', number: 164, given: [new Uint8Array(16), 0] },
  { name: 'iopl', number: 172, given: [3] },
  { name: 'acct', number: 163, given: ['/tmp/acct'] },
  { name: 'syslog', number: 103, given: [3, new Uint8Array(64), 64] },
];

/** Sockets that pass by, or look below, what a network namespace separates. */
export const forbiddenSockets: readonly SystemCall[] = [
  { name: 'raw socket', number: 41, given: [2, 3, 1] },
  { name: 'packet socket', number: 41, given: [17, 3, 0] },
  { name: 'socket to the hypervisor', number: 41, given: [40, 1, 0] },
  { name: 'ring that passes by filters', number: 425, given: [4, new Uint8Array(128)] },
];

/** Calls that reach into another process, each given that process. */
export function callsInto(pid: number): readonly SystemCall[] {
  return [
    { name: `ptrace ${pid}`, number: 101, given: [16, pid] },
    { name: `process_vm_readv ${pid}`, number: 310, given: [pid, new Uint8Array(16), 1, new Uint8Array(16), 1, 0] },
    { name: `kill ${pid}`, number: 62, given: [pid, 0] },
    { name: `tkill ${pid}`, number: 200, given: [pid, 19] },
    { name: `setpriority ${pid}`, number: 141, given: [0, pid, 10] },
    { name: `prlimit ${pid}`, number: 302, given: [pid, 7, new Uint8Array(16), 0] },
    { name: `sched_setaffinity ${pid}`, number: 203, given: [pid, 8, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)] },
  ];
}

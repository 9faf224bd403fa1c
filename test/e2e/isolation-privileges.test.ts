import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callsInto, forbiddenCalls } from '../support/isolation-calls.ts';
import { callProgram, type SystemCall } from '../support/isolation-syscall.ts';
import { attackWith, foundBy, programOf } from '../support/isolation-worker.ts';
import { providerPlaces } from '../support/provider-place.ts';
import { shellProject } from '../support/shell-project.ts';

const isWrongMachine = process.arch !== 'x64' && `programs for ${process.arch} are not made`;

const kernelFiles = [
  '/proc/sysrq-trigger',
  '/proc/sys/kernel/core_pattern',
  '/proc/sys/kernel/hostname',
  '/proc/sys/kernel/modprobe',
  '/proc/sys/vm/drop_caches',
  '/proc/sys/user/max_user_namespaces',
  '/proc/1/oom_score_adj',
  '/proc/1/mem',
  '/sys/kernel/uevent_helper',
  '/sys/fs/cgroup/cgroup.procs',
  '/sys/fs/cgroup/memory/memory.limit_in_bytes',
  '/sys/fs/cgroup/memory/release_agent',
  '/sys/fs/cgroup/pids/pids.max',
  '/sys/fs/cgroup/devices/devices.allow',
  '/dev/mem',
  '/dev/kmsg',
  '/dev/vda',
  '/dev/sda',
  '/dev/loop-control',
  '/dev/fuse',
  '/dev/kvm',
];
/** Bubblewrap runs as the subagent's user and holds nothing of others. */
const ownInBubblewrap = new Set(['/proc/1/oom_score_adj', '/proc/1/mem']);

for (const place of await providerPlaces()) {
  const skip = place.skip || isWrongMachine;

  test(`on ${place.name} no system call makes a subagent root or lets it out`, { skip }, async (t) => {
    const project = await shellProject(t, place.compute);
    const calls = forbiddenCalls.map(programFor);

    const found = await foundBy(project, await attackWith(project, programOf(tryCalls, calls)));

    const allowed = Object.entries(found as Record<string, string>).filter(([, error]) => !isRefusal(error));
    assert.deepEqual(allowed, []);
  });

  test(`on ${place.name} no program that is marked to run as root does`, { skip: place.skip }, async (t) => {
    const project = await shellProject(t, place.compute);

    const found = await foundBy(project, await attackWith(project, programOf(tryMarkedPrograms, undefined)));

    assert.deepEqual(found, { roots: [], seesOwn: true });
  });

  test(`on ${place.name} nothing of the kernel or of a device can be written`, { skip: place.skip }, async (t) => {
    const project = await shellProject(t, place.compute);
    const files = kernelFiles.filter((file) => place.name === 'docker' || !ownInBubblewrap.has(file));

    const found = await foundBy(project, await attackWith(project, programOf(tryToOpen, files)));

    assert.deepEqual(found, []);
  });

  test(`on ${place.name} the supervisor can be neither read, nor traced, nor signalled`, { skip }, async (t) => {
    const project = await shellProject(t, place.compute);
    // Process ids in a container are few: the supervisor's is among these, and foreign if it is visible at all.
    const pids = Array.from({ length: 12 }, (_, index) => index + 1);
    const calls = Object.fromEntries(pids.map((pid) => [pid, callsInto(pid).map(programFor)]));

    const attack = await attackWith(project, programOf(tryForeign, calls), ['--secret', 'KEY=inline:opensesame-1']);

    const found = (await foundBy(project, attack)) as { foreign: number; possible: string[] };
    assert.deepEqual(found.possible, []);
    // The init and the supervisor of a container are there to be seen; of a sandbox they are outside.
    assert.equal(found.foreign, place.name === 'docker' ? 2 : 0);
  });
}

/** A call that is not there, or was never possible, is as good as one that is refused. */
function isRefusal(error: string): boolean {
  return ['EPERM', 'EACCES', 'ENOSYS', 'EINVAL', 'ENOSPC', 'ENODEV', 'EOVERFLOW'].includes(error);
}

function programFor(call: SystemCall) {
  return { name: call.name, program: callProgram(call).toString('base64') };
}

interface NamedProgram {
  readonly name: string;
  readonly program: string;
}

/** Inside the worker: which error each program's call ended with. */
function tryCalls(programs: readonly NamedProgram[]): void {
  const fs = process.getBuiltinModule('node:fs');
  const { spawnSync } = process.getBuiltinModule('node:child_process');
  const { errno } = process.getBuiltinModule('node:os').constants;
  const names = Object.fromEntries(Object.entries(errno).map(([name, code]) => [code, name]));
  const found: Record<string, string> = {};
  for (const { name, program } of programs) {
    fs.writeFileSync('call', Buffer.from(program, 'base64'), { mode: 0o755 });
    const { status, signal, error } = spawnSync('./call');
    found[name] = status === 0 ? 'done' : (names[status ?? -1] ?? String(signal ?? error ?? status));
  }
  fs.writeFileSync(`${process.env['AGORA_OUTPUT_DIR']}/found.json`, JSON.stringify(found));
}

/** Inside the worker: runs its own shell and every program it finds that carries a mark of root. */
function tryMarkedPrograms(): void {
  const fs = process.getBuiltinModule('node:fs');
  const { spawnSync } = process.getBuiltinModule('node:child_process');
  fs.copyFileSync(fs.realpathSync('/bin/sh'), 'own');
  fs.chmodSync('own', 0o6755);
  const folders = ['/usr/bin', '/usr/sbin', '/usr/local/bin', '/usr/lib/openssh', '/usr/lib/dbus-1.0'];
  const marked = folders
    .filter((folder) => fs.existsSync(folder))
    .flatMap((folder) => fs.readdirSync(folder).map((name) => `${folder}/${name}`))
    .filter((file) => ((fs.statSync(file, { throwIfNoEntry: false })?.mode ?? 0) & 0o6000) !== 0);
  const idOf = (file: string, given: string[]) => spawnSync(file, given, { timeout: 5_000 }).stdout?.toString() ?? '';
  const own = idOf('./own', ['-c', 'cat /proc/self/status']);
  const roots = [
    ...(/^[UG]id:.*\b0\b/m.test(own) ? ['own'] : []),
    ...marked.filter((file) => /^0$/m.test(idOf(file, ['-c', 'id -u']))),
  ];
  const seesOwn = /^Uid:/m.test(own);
  fs.writeFileSync(`${process.env['AGORA_OUTPUT_DIR']}/found.json`, JSON.stringify({ roots, seesOwn }));
}

/** Inside the worker: which of these files it can open to write. */
function tryToOpen(files: readonly string[]): void {
  const fs = process.getBuiltinModule('node:fs');
  const opened = files.filter((file) => {
    try {
      fs.closeSync(fs.openSync(file, fs.constants.O_WRONLY));
      return true;
    } catch {
      return false;
    }
  });
  fs.writeFileSync(`${process.env['AGORA_OUTPUT_DIR']}/found.json`, JSON.stringify(opened));
}

/** Inside the worker: what it can do with processes of other users. */
function tryForeign(calls: Readonly<Record<string, readonly NamedProgram[]>>): void {
  const fs = process.getBuiltinModule('node:fs');
  const { spawnSync } = process.getBuiltinModule('node:child_process');
  const succeeds = (action: () => unknown) => {
    try {
      action();
      return true;
    } catch {
      return false;
    }
  };
  const own = process.getuid?.();
  const foreign = fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => succeeds(() => fs.statSync(`/proc/${pid}`)) && fs.statSync(`/proc/${pid}`).uid !== own);
  const possible: string[] = [];
  for (const pid of foreign) {
    for (const name of ['environ', 'mem', 'io', 'stack', 'syscall', 'pagemap', 'auxv', 'personality']) {
      const file = `/proc/${pid}/${name}`;
      if (succeeds(() => fs.closeSync(fs.openSync(file, 'r')))) possible.push(file);
    }
    for (const name of ['fd', 'map_files', 'cwd/', 'root/']) {
      if (succeeds(() => fs.readdirSync(`/proc/${pid}/${name}`))) possible.push(`/proc/${pid}/${name}`);
    }
    for (const name of ['cwd', 'exe', 'root', 'fd/0', 'ns/net']) {
      if (succeeds(() => fs.readlinkSync(`/proc/${pid}/${name}`))) possible.push(`/proc/${pid}/${name}`);
    }
    for (let file = 0; file < 32; file += 1) {
      if (succeeds(() => fs.closeSync(fs.openSync(`/proc/${pid}/fd/${file}`, 'r')))) possible.push(`${pid}/fd/${file}`);
    }
    for (const { name, program } of calls[pid] ?? []) {
      fs.writeFileSync('call', Buffer.from(program, 'base64'), { mode: 0o755 });
      if (spawnSync('./call').status === 0) possible.push(name);
    }
  }
  const found = { foreign: foreign.length, possible };
  fs.writeFileSync(`${process.env['AGORA_OUTPUT_DIR']}/found.json`, JSON.stringify(found));
}

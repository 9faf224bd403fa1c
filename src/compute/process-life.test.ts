import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { leftToNpmTest } from '../../test/support/quick-tests.ts';
import { waitUntil } from '../base/deadline.ts';
import { digestOf } from '../base/hash.ts';
import { runningProcesses } from '../base/process-identity.ts';
import { isAppError } from '../contracts/errors.ts';
import { digestSchema } from '../contracts/ids.ts';
import type { Task } from '../contracts/task.ts';
import { isOpenToEverybody } from './bubblewrap.ts';
import { probeSandbox } from './bubblewrap-probe.ts';
import { ProcessCompute, type ProcessComputeOptions } from './process.ts';
import { stagingOf } from './process-staging.ts';
import { aDeploymentId, aTask, runTask } from './suite-tasks.ts';
import { buildWorkerBundle } from './worker-bundle.ts';

const packageRoot = join(import.meta.dirname, '..', '..');
const probe = await probeSandbox();
const skip = probe.kind === 'none' && probe.reason;
const isRoot = process.geteuid?.() === 0;
const deploymentId = aDeploymentId();
const bundle = buildWorkerBundle(packageRoot);

async function aCompute(t: TestContext, options: Partial<ProcessComputeOptions> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'agora-process-'));
  const compute = new ProcessCompute({ folder: join(folder, 'work'), workerBundle: () => bundle, ...options });
  t.after(async () => {
    for (const handle of await compute.list(deploymentId)) await compute.remove(handle);
    await compute.close();
    await rm(folder, { recursive: true, force: true });
  });
  return { compute, folder };
}

const shell = (script: string, wish: Partial<Parameters<typeof aTask>[0]> = {}) =>
  aTask({ command: ['sh', '-c', script], deploymentId, ...wish });

test('without a sandbox a task is refused with the next step', async (t) => {
  const { compute } = await aCompute(t, {
    probe: async () => ({ kind: 'none', reason: 'bubblewrap is not installed' }),
  });

  const started = compute.start(shell('true'), AbortSignal.timeout(10_000));

  await assert.rejects(started, (error) => isAppError(error, 'no-compute') && /bubblewrap/.test(error.next ?? ''));
  assert.equal((await compute.describe()).limits.files, 'not-enforced');
});

test('without a sandbox a task runs where that is allowed, and nothing of it is left', async (t) => {
  const none = async () => ({ kind: 'none', reason: 'tried without' }) as const;
  const { compute } = await aCompute(t, { probe: none, allowUnsandboxed: true });

  const { result, files } = await runTask(
    compute,
    shell('setsid sleep 600 & echo x > file; cat "$AGORA_INPUT"; id -u'),
  );

  assert.equal(result.outcome, 'done', result.message);
  assert.match(files.get('patch.diff') ?? '', /b\/file/);
});

test('the kernel holds the number of processes', { skip }, async (t) => {
  const { compute } = await aCompute(t);

  const { result } = await runTask(compute, shell('while :; do sleep 60 & done', { limits: { pids: 24 } }));

  assert.equal(result.failure, 'pids-limit');
});

test('secrets are in no argument of any process', { skip }, async (t) => {
  const { compute } = await aCompute(t);
  const secrets = { TOKEN: 'never-in-a-process-list' };
  const handle = await compute.start(shell('echo begun; sleep 600', { secrets }), AbortSignal.timeout(10_000));
  for await (const _ of compute.logs(handle, { follow: true })) break;

  const commands = readdirSync('/proc')
    .filter((name) => Number(name) > 0)
    .map(commandLine);

  assert.ok(commands.some((command) => command.includes(handle.dispatchId)));
  assert.equal(
    commands.some((command) => command.includes(secrets.TOKEN)),
    false,
  );
});

test('what a subagent made hostile is removed whole', { skip: leftToNpmTest || skip }, async (t) => {
  const { compute, folder } = await aCompute(t);
  const dig = `for (let i = 0; i < 3000; i++) { fs.mkdirSync('dddddddddd'); process.chdir('dddddddddd'); }`;
  const script = `mkdir -p closed/in; echo x > closed/in/file; chmod 000 closed; cd /tmp; node -e "${dig}"`;

  await runTask(compute, shell(script));

  assert.deepEqual(await readdir(stagingOf(join(folder, 'work')).tasks), []);
});

test('a closed provider leaves stopped work to be collected, and nothing once that is removed', { skip }, async (t) => {
  const { compute, folder } = await aCompute(t);
  const handle = await compute.start(shell('echo begun; sleep 600'), AbortSignal.timeout(10_000));
  for await (const _ of compute.logs(handle, { follow: true })) break;

  await compute.close();

  assert.deepEqual(await compute.wait(handle, AbortSignal.timeout(1_000)), {
    kind: 'exited',
    exitCode: 0,
    isOutOfMemory: false,
  });
  await compute.remove(handle);
  await assert.rejects(readdir(stagingOf(join(folder, 'work')).root), { code: 'ENOENT' });
});

for (const sandbox of ['bubblewrap', 'none'] as const) {
  const isSkipped = sandbox === 'bubblewrap' ? skip : false;
  test(`with a killed daemon its workers end, and the next one finds and removes what they left (${sandbox})`, {
    skip: leftToNpmTest || isSkipped,
  }, async (t) => {
    const { compute, folder } = await aCompute(t);
    const task = shell('echo begun; sleep 600');
    const daemon = startDaemon(t, { folder: join(folder, 'work'), task, sandbox });
    await once(daemon.stdout as NodeJS.ReadableStream, 'data');
    const ofTask = () => runningProcesses().filter((pid) => carries(pid, task.spec.dispatchId));
    assert.ok(ofTask().length >= 2, 'supervisor and subagent run');

    daemon.kill('SIGKILL');

    await waitUntil('the worker to end', () => ofTask().length === 0);
    const [left, ...others] = await compute.list(deploymentId);
    assert.deepEqual([left?.dispatchId, others], [task.spec.dispatchId, []]);
    assert.ok(left);
    const reason = 'its supervisor ended and left no result';
    assert.deepEqual(await compute.wait(left, AbortSignal.timeout(10_000)), { kind: 'lost', reason });
    await compute.remove(left);
    assert.deepEqual(await compute.list(deploymentId), []);
    assert.deepEqual(await readdir(stagingOf(join(folder, 'work')).tasks), []);
  });
}

test('another process sees, follows and stops a task whose starter lives, and leaves that its own', {
  skip: leftToNpmTest || skip,
}, async (t) => {
  const { compute, folder } = await aCompute(t);
  const task = shell("printf 'one\ntwo\nbegun\n'; sleep 600");
  const starter = startDaemon(t, { folder: join(folder, 'work'), task, sandbox: 'bubblewrap' });
  await once(starter.stdout as NodeJS.ReadableStream, 'data');

  const [handle, ...others] = await compute.list(deploymentId);
  assert.deepEqual([handle?.dispatchId, handle?.owner, others], [task.spec.dispatchId, task.owner, []]);
  assert.ok(handle);
  const seen = textOf(compute.logs(handle, { follow: true, tail: 2, timestamps: true }));
  await compute.close();
  await compute.stop(handle, 20_000);

  assert.match(await seen, /^two\nbegun\n/);
  assert.deepEqual(await compute.wait(handle, AbortSignal.timeout(10_000)), {
    kind: 'exited',
    exitCode: 0,
    isOutOfMemory: false,
  });
  const files: string[] = [];
  for await (const chunk of compute.collect(handle, 1_000_000)) files.push(Buffer.from(chunk).toString('latin1'));
  assert.match(files.join(''), /result\.json/);
  await compute.remove(handle);
  assert.deepEqual(await compute.list(deploymentId), []);
});

test('a task that another process is starting cannot be started a second time', { skip }, async (t) => {
  const { compute, folder } = await aCompute(t);
  const task = shell('echo begun; sleep 600');
  const starter = startDaemon(t, { folder: join(folder, 'work'), task, sandbox: 'bubblewrap' });
  await once(starter.stdout as NodeJS.ReadableStream, 'data');

  const second = compute.start(task, AbortSignal.timeout(10_000));

  await assert.rejects(second, (error) => isAppError(error, 'task-conflict'));
  assert.equal((await compute.list(deploymentId)).length, 1);
});

test('an ordinary user has the same sandbox', { skip: leftToNpmTest || skip || !isRoot }, async (t) => {
  if (!(await isOpenToEverybody(process.execPath))) return t.skip('an ordinary user cannot read this checkout');
  const uid = 1_600_000_000 + (process.pid % 100_000);
  const home = await mkdtemp(join(tmpdir(), 'agora-user-'));
  t.after(() => rm(home, { recursive: true, force: true }));
  await chmod(home, 0o700);
  await chown(home, uid, uid);

  const user = ['--reuid', String(uid), '--regid', String(uid), '--clear-groups'];
  const tests = join(import.meta.dirname, 'process.test.ts');
  const { stdout } = await promisify(execFile)('setpriv', [...user, process.execPath, '--test', tests], {
    cwd: home,
    env: { PATH: process.env['PATH'], HOME: home, TMPDIR: home },
  });

  assert.match(stdout, /fail 0/);
  assert.doesNotMatch(stdout, /pass 0/);
});

test('a start that is given up leaves nothing, and a stop or removal meanwhile is fine', { skip }, async (t) => {
  const { compute, folder } = await aCompute(t);
  const given = new AbortController();
  const content = async function* () {
    yield Buffer.from('x');
    given.abort(new Error('given up'));
    yield Buffer.from('y');
  };
  const input = { path: 'input.json', digest: digestSchema.parse(digestOf('xy')), sizeBytes: 2, content };
  const task = shell('true', { inputs: [input] });
  const handle = { dispatchId: task.spec.dispatchId, owner: task.owner, providerId: '', image: '' };

  const started = compute.start(task, given.signal);
  const others = [compute.stop(handle, 0), compute.remove(handle), compute.wait(handle, AbortSignal.timeout(10_000))];

  await assert.rejects(started, /given up/);
  assert.equal(
    (await Promise.allSettled(others)).every(({ status }) => status === 'fulfilled'),
    true,
  );
  assert.deepEqual(await readdir(stagingOf(join(folder, 'work')).tasks), []);
});

async function textOf(log: ReturnType<ProcessCompute['logs']>): Promise<string> {
  let text = '';
  for await (const { bytes } of log) text += Buffer.from(bytes).toString();
  return text;
}

interface DaemonWish {
  readonly folder: string;
  readonly task: Task;
  readonly sandbox: 'bubblewrap' | 'none';
}

/** A daemon in a process of its own that starts a task and prints what the task prints. */
function startDaemon(t: TestContext, { folder, task, sandbox }: DaemonWish): ChildProcess {
  const options = sandbox === 'none' ? "probe: async () => ({ kind: 'none', reason: '' }), allowUnsandboxed: true" : '';
  const program = `
    const { ProcessCompute } = await import(${JSON.stringify(join(import.meta.dirname, 'process.ts'))});
    const { buildWorkerBundle } = await import(${JSON.stringify(join(import.meta.dirname, 'worker-bundle.ts'))});
    const bundle = buildWorkerBundle(${JSON.stringify(packageRoot)});
    const [folder, workerBundle] = [${JSON.stringify(folder)}, () => bundle];
    const compute = new ProcessCompute({ folder, workerBundle, ${options} });
    const handle = await compute.start(${JSON.stringify(task)}, AbortSignal.timeout(10000));
    for await (const { bytes } of compute.logs(handle, { follow: true })) process.stdout.write(bytes);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

/** Whether a process belongs to a task: by its arguments, or by its environment. */
function carries(pid: number, dispatchId: string): boolean {
  if (pid === process.pid || commandLine(String(pid)).includes('--input-type=module')) return false;
  return commandLine(String(pid)).includes(dispatchId) || environment(pid).includes(dispatchId);
}

function environment(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    // It ended meanwhile, or is not ours.
    return '';
  }
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    // It ended meanwhile.
    return '';
  }
}

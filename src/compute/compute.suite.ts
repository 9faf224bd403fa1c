import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { aHostToLeaveAlone } from '../../test/support/isolation-host.ts';
import { isAppError } from '../contracts/errors.ts';
import { outNames } from '../contracts/names.ts';
import type { Task } from '../contracts/task.ts';
import type { Storage } from '../storage/storage.ts';
import type { Compute, ProviderInfo, TaskHandle } from './compute.ts';
import { type Probe, probeCommand } from './suite-probe.ts';
import {
  aDeploymentId,
  anInput,
  aTask,
  aWorktree,
  collectFiles,
  endedTask,
  resultOf,
  runTask,
  type TaskWish,
} from './suite-tasks.ts';

export interface ComputeUnderTest {
  readonly compute: Compute;
  readonly storage: Storage;
  /** Sockets of the host that a worker must not reach, beside those the suite opens. */
  readonly hostSockets?: readonly string[];
  close(): Promise<void>;
}

export interface ComputeSuiteOptions {
  /** Why the provider cannot be tested here. Default: it can. */
  readonly skip?: string | false;
}

const deadline = () => AbortSignal.timeout(120_000);

/** What every `Compute` does, tried with the real worker. */
export function computeSuite(
  name: string,
  open: () => Promise<ComputeUnderTest>,
  options: ComputeSuiteOptions = {},
): void {
  describe(`compute: ${name}`, { skip: options.skip ?? false }, () => {
    const deploymentId = aDeploymentId();
    let place: ComputeUnderTest;
    let information: ProviderInfo;
    before(async () => {
      place = await open();
      information = await place.compute.describe();
    });
    after(async () => {
      for (const handle of await place.compute.list(deploymentId)) await place.compute.remove(handle);
      await place.compute.close();
      await place.close();
    });
    const shell = (script: string, wish: Partial<TaskWish> = {}) =>
      aTask({ command: ['sh', '-c', script], deploymentId, ...wish });
    const skipUnlessHeld = (t: TestContext, limit: keyof ProviderInfo['limits']) => {
      const isHeld = information.limits[limit] !== 'not-enforced';
      if (!isHeld) t.skip(`${information.summary} does not enforce ${limit}`);
      return isHeld;
    };
    const failureOf = async (task: Task) => (await runTask(place.compute, task)).result.failure;

    test('a command edits the worktree and leaves its patch, outputs and result', async () => {
      const worktree = await aWorktree(place.storage, { 'a.txt': 'one\n', 'b.txt': 'kept\n' });
      const task = shell('echo two > a.txt; echo made > "$AGORA_OUTPUT_DIR/made.txt"', {
        inputs: [worktree],
        hasWorktree: true,
      });

      const { exit, result, files } = await runTask(place.compute, task);

      assert.deepEqual(exit, { kind: 'exited', exitCode: 0, isOutOfMemory: false });
      assert.deepEqual([result.outcome, result.exitCode, result.dispatchId], ['done', 0, task.spec.dispatchId]);
      assert.match(files.get(outNames.patch) ?? '', /^-one\n\+two$/m);
      assert.equal(files.get(`${outNames.outputs}/made.txt`), 'made\n');
    });

    test('a command that fails is reported with its exit code', async () => {
      const { exit, result } = await runTask(place.compute, shell('exit 7'));

      assert.equal(exit.kind, 'exited');
      assert.deepEqual([result.outcome, result.failure, result.exitCode], ['failed', 'exit-nonzero', 7]);
    });

    test('inputs are there to read and cannot be changed', async () => {
      const inputs = [
        await anInput(place.storage, 'input.json', '{"a":1}'),
        await anInput(place.storage, 'inputs/part', 'part'),
      ];
      const script =
        'cat "$AGORA_INPUT" inputs/part; for f in "$AGORA_INPUT" "$(dirname "$AGORA_INPUT")/new"; do echo x > "$f" && exit 9; done 2>/dev/null; true';

      const task = shell(`(${script}) > "$AGORA_OUTPUT_DIR/seen"`, { inputs, inputKeys: ['part'] });
      const { result, files } = await runTask(place.compute, task);

      assert.equal(result.exitCode, 0);
      assert.equal(files.get(`${outNames.outputs}/seen`), '{"a":1}part');
    });

    test('secrets are in the environment of the command, and in no file of the task', async () => {
      const secrets = { AGORA_TEST_SECRET: 'a very secret text' };
      const script = 'test -n "$AGORA_TEST_SECRET" && ! grep -rqsF "$AGORA_TEST_SECRET" "$(dirname "$AGORA_INPUT")"';

      const { result } = await runTask(place.compute, shell(script, { secrets }));

      assert.equal(result.outcome, 'done');
    });

    test('a second start returns the task that is there', async () => {
      const task = shell('sleep 600');
      const signal = deadline();

      const [first, second] = await Promise.all([place.compute.start(task, signal), place.compute.start(task, signal)]);
      const third = await place.compute.start(task, signal);

      assert.deepEqual([second, third].map(untimed), [first, first].map(untimed));
      await place.compute.remove(first);
    });

    test('logs follow a running task, and a stop lets the supervisor keep what there is', async () => {
      const handle = await place.compute.start(shell('echo partial > partial.txt; echo begun; sleep 600'), deadline());
      await seeInLogs(place.compute, handle, 'begun');

      await place.compute.stop(handle, 20_000);
      await place.compute.stop(handle, 0);

      assert.equal((await place.compute.wait(handle, deadline())).kind, 'exited');
      const files = await collectFiles(place.compute, handle);
      assert.equal(resultOf(files).outcome, 'stopped');
      assert.match(files.get(outNames.patch) ?? '', /partial\.txt/);
      await place.compute.remove(handle);
    });

    test('after its removal nothing is left of a task, and a wait for it says that it is lost', async () => {
      const own = aDeploymentId();
      const handle = await place.compute.start(shell('true', { deploymentId: own }), deadline());

      await place.compute.remove(handle);
      await place.compute.remove(handle);

      assert.deepEqual(await place.compute.list(own), []);
      assert.equal((await place.compute.wait(handle, deadline())).kind, 'lost');
    });

    test('a list holds the tasks of one deployment only', async () => {
      const [one, other] = [aDeploymentId(), aDeploymentId()];
      const handles = await Promise.all(
        [one, other].map((id) => place.compute.start(shell('true', { deploymentId: id }), deadline())),
      );

      const listed = await place.compute.list(one);

      assert.deepEqual(listed, handles.slice(0, 1).map(untimed));
      for (const handle of handles) await place.compute.remove(handle);
    });

    test('a wait ends when it is aborted, and the task goes on', async () => {
      const handle = await place.compute.start(shell('sleep 600'), deadline());

      await assert.rejects(place.compute.wait(handle, AbortSignal.timeout(100)), { name: 'TimeoutError' });

      assert.equal(
        (await place.compute.list(deploymentId)).some(({ dispatchId }) => dispatchId === handle.dispatchId),
        true,
      );
      await place.compute.remove(handle);
    });

    test('an input that is not what its digest says stops the start and leaves nothing', async () => {
      const own = aDeploymentId();
      const input = { ...(await anInput(place.storage, 'input.json', 'expected')), sizeBytes: 3 };

      const started = place.compute.start(shell('true', { deploymentId: own, inputs: [input] }), deadline());

      await assert.rejects(started, (error) => isAppError(error, 'artifact-mismatch'));
      assert.deepEqual(await place.compute.list(own), []);
    });

    test('a collection stops at its size', async () => {
      const handle = await place.compute.start(
        shell('head -c 3000000 /dev/zero > "$AGORA_OUTPUT_DIR/big"'),
        deadline(),
      );
      await place.compute.wait(handle, deadline());

      await assert.rejects(drain(place.compute.collect(handle, 1_000_000)), (error) =>
        isAppError(error, 'limit-exceeded'),
      );
      await place.compute.remove(handle);
    });

    test('a command that never ends is ended by its time limit', async () => {
      assert.equal(await failureOf(shell('sleep 600', { limits: { timeoutSeconds: 1 } })), 'timeout');
    });

    test('a command that prints without end is ended by its output limit', async () => {
      assert.equal(await failureOf(shell('yes', { limits: { outputBytes: 1_000_000 } })), 'output-limit');
    });

    test('a command that fills the disk is ended by its disk limit', async (t) => {
      if (!skipUnlessHeld(t, 'disk')) return;
      const script = 'i=0; while head -c 4000000 /dev/zero > f$i; do i=$((i+1)); done; sleep 600';

      assert.equal(await failureOf(shell(script, { limits: { diskMb: 16 } })), 'disk-limit');
    });

    test('a command that takes more memory than it has is told so', async (t) => {
      if (!skipUnlessHeld(t, 'memory')) return;
      const hog = ['node', '-e', 'const kept = []; for (;;) kept.push(Buffer.alloc(1e7, 1));'];

      const task = aTask({ command: hog, deploymentId, limits: { memoryMb: 160 } });
      const { exit, files } = await endedTask(place.compute, task);

      // The kernel may choose the supervisor too, when the command's memory is not back yet: then the provider tells it.
      const isTold = exit.kind === 'exited' && exit.isOutOfMemory && !files.has(outNames.result);
      assert.ok(isTold || resultOf(files).failure === 'memory-limit', JSON.stringify(exit));
    });

    test('a command that forks without end is contained', async (t) => {
      if (!skipUnlessHeld(t, 'pids')) return;
      const bomb = ['bash', '-c', 'bomb() { bomb | bomb & }; bomb; for i in {1..200}; do sleep 30 & done; wait'];
      const limits = { pids: 48, timeoutSeconds: 3 };

      const failure = await failureOf(aTask({ command: bomb, deploymentId, limits }));

      assert.ok(failure === 'pids-limit' || failure === 'timeout', `failed with ${failure}`);
      assert.equal((await runTask(place.compute, shell('true'))).result.outcome, 'done');
    });

    test('a subagent sees no network, no engine, no file of the host or of another task, and not its supervisor', async (t) => {
      if (information.limits.network !== 'enforced') return t.skip(`${information.summary} has no sandbox`);
      const host = await aHostToLeaveAlone(t);
      const other = await place.compute.start(shell('echo mine > mine.txt; sleep 600'), deadline());
      const probe = {
        connect: [
          ...host.connect,
          '192.0.2.1:80',
          ...(place.hostSockets ?? []),
          '/var/run/docker.sock',
          '/run/docker.sock',
        ],
        read: [host.file, '/agora/out/result.json', '/agora/git/HEAD', '/etc/shadow'],
        write: [host.file, '/agora/in/new', '/agora/out/new', '/agora/git/new', '/etc/new', '/usr/bin/new'],
      };

      const task = aTask({ command: probeCommand(probe), deploymentId, secrets: { PROBED: 'secret' } });
      const { files, result } = await runTask(place.compute, task);

      assert.equal(result.outcome, 'done', result.message);
      const found = JSON.parse(files.get(`${outNames.outputs}/probe.json`) ?? 'null') as Probe;
      const nothing = {
        reached: [],
        interfaces: [],
        read: [],
        wrote: [],
        foreign: [],
        capabilities: '0000000000000000',
      };
      assert.deepEqual(found, nothing);
      await place.compute.remove(other);
    });

    test('a subagent that kills whatever it can does not end its supervisor', async () => {
      const { exit, result } = await runTask(place.compute, shell('kill -9 -1; true'));

      assert.deepEqual([exit.kind, result.dispatchId.slice(0, 2)], ['exited', 'd-']);
    });
  });
}

async function drain(source: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of source);
}

async function seeInLogs(compute: Compute, handle: TaskHandle, text: string): Promise<void> {
  let seen = '';
  for await (const { bytes } of compute.logs(handle, { follow: true, signal: deadline() })) {
    seen += Buffer.from(bytes).toString('utf8');
    if (seen.includes(text)) return;
  }
  assert.fail(`the log ended with "${seen}"`);
}

/** What stages took is told only by the start that made the task. */
function untimed({ timings: _, ...handle }: TaskHandle): TaskHandle {
  return handle;
}

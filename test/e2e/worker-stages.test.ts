import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DockerCompute } from '../../src/compute/docker.ts';
import { aDeploymentId, anInput, aTask, aWorktree, type EndedTask, runTask } from '../../src/compute/suite-tasks.ts';
import { prepareWorkerImage } from '../../src/compute/worker-image.ts';
import type { Block } from '../../src/contracts/pipeline.ts';
import type { Task, TaskInput, TaskSpec } from '../../src/contracts/task.ts';
import { LocalStorage } from '../../src/storage/local.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { someLimits } from '../../src/worker/worker-under-test.ts';
import { engineForTests, packageRoot } from '../support/engine.ts';

const { engine, skip } = await engineForTests();
const secrets = { TOKEN: 'hunter2-hunter2-hunter2' };

interface Wish {
  readonly script: string;
  readonly spec?: Partial<TaskSpec>;
  readonly inputs: (storage: Storage) => Promise<TaskInput[]>;
}

/** Runs a task in a container of the real worker image. */
async function inContainer(t: TestContext, { script, spec, inputs }: Wish): Promise<EndedTask> {
  assert.ok(engine);
  const root = await mkdtemp(join(tmpdir(), 'agora-worker-stages-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  const storage = new LocalStorage({ root });
  const { imageId } = await prepareWorkerImage(engine, { packageRoot });
  const compute = new DockerCompute({ engine: async () => engine, image: async () => imageId });
  const command = ['bash', '-c', script];
  const task = aTask({
    command,
    deploymentId: aDeploymentId(),
    secrets,
    inputs: await inputs(storage),
    hasWorktree: true,
  });
  const whole: Task = { ...task, spec: { ...task.spec, ...spec } };
  return runTask(compute, whole);
}

const tar = async (storage: Storage, path: string, files: Readonly<Record<string, string>>): Promise<TaskInput> => ({
  ...(await aWorktree(storage, files)),
  path,
});
const earlier =
  'diff --git a/new/early b/new/early\nnew file mode 100755\n--- /dev/null\n+++ b/new/early\n@@ -0,0 +1 @@\n+early\n';

test('in a container a task gets capabilities, setup, earlier work, answer and session, all of it its own', {
  skip,
}, async (t) => {
  const { result, files } = await inContainer(t, {
    inputs: async (storage) => [
      await aWorktree(storage, { 'a.txt': 'one\n', 'inputs/own': 'x', replaced: 'old\n' }),
      await tar(storage, 'overlay.tar', {
        replaced: 'new\n',
        '.agora/setup/01-tools.sh':
          'mkdir -p "$HOME/.tool" && echo "setup as $(id -u) with $(printf %s "$TOKEN" | wc -c)" > set-up',
      }),
      await tar(storage, 'session.tar', { '.tool/sessions/s1': 'session\n' }),
      await anInput(storage, 'partial.patch', earlier),
      await anInput(storage, 'answer.json', '{"question":"q","answer":"two"}'),
      await anInput(storage, 'inputs/part', 'part\n'),
    ],
    spec: {
      hasOverlay: true,
      setup: [{ capability: 'tools', path: '.agora/setup/01-tools.sh' }],
      hasPartialPatch: true,
      hasAnswer: true,
      inputKeys: ['part'],
    },
    script: `set -e
      cat replaced set-up inputs/part "$HOME/.tool/sessions/s1" .agora/answer.json; ./new/early 2>/dev/null || true
      for path in replaced set-up new new/early .agora/answer.json "$HOME/.tool/sessions/s1" inputs/part; do test -O "$path"; done
      echo later >> new/early; rm .agora/answer.json; echo "key $TOKEN" > key.txt`,
  });

  assert.deepEqual([result.outcome, result.message], ['done', undefined]);
  const printed = (files.get('transcript.jsonl') ?? '')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).text)
    .join('');
  assert.equal(printed, 'new\nsetup as 1000 with 23\npart\nsession\n{"question":"q","answer":"two"}');
  const patch = files.get('patch.diff') ?? '';
  assert.deepEqual(patch.match(/^diff --git .*$/gm), [
    'diff --git a/key.txt b/key.txt',
    'diff --git a/new/early b/new/early',
  ]);
  assert.match(patch, /^\+early\n\+later$/m);
  assert.match(patch, /^\+key <redacted:TOKEN>$/m);
  assert.deepEqual(result.redacted, ['"key.txt"']);
});

test('in a container a question, a failing gate and a failing setup each keep what they should', {
  skip,
}, async (t) => {
  const inputs = async (storage: Storage) => [await aWorktree(storage, { 'a.txt': 'one\n' })];
  const gate: Block = { kind: 'script', lens: 'gate', command: ['false'], timeoutSeconds: 20 };
  const [asked, gated, setUp] = await Promise.all([
    inContainer(t, {
      inputs,
      script: `echo half > b; mkdir .agora; echo '{"question":"'$TOKEN'?"}' > .agora/needs_input.json`,
    }),
    inContainer(t, { inputs, script: 'echo half > b', spec: { blocks: [{ kind: 'agent' }, gate] } }),
    inContainer(t, {
      inputs: async (storage) => [
        ...(await inputs(storage)),
        await tar(storage, 'overlay.tar', { '.agora/setup/01-x.sh': 'exit 5' }),
      ],
      script: 'true',
      spec: { hasOverlay: true, setup: [{ capability: 'x', path: '.agora/setup/01-x.sh' }] },
    }),
  ]);

  assert.deepEqual(
    [asked.result.outcome, asked.files.get('needs_input.json')],
    ['needs-input', '{"question":"<redacted:TOKEN>?"}'],
  );
  assert.match(asked.files.get('patch.diff') ?? '', /^\+half$/m);
  assert.equal(gated.result.failure, 'gate-failed');
  assert.match(gated.files.get('patch.diff') ?? '', /^\+half$/m);
  assert.deepEqual([setUp.result.failure, setUp.result.exitCode], ['setup-failed', 5]);
});

test('in a container a patch that needs more memory than the task has is a memory limit, and the outputs are kept', {
  skip,
}, async (t) => {
  const { result } = await inContainer(t, {
    inputs: async (storage) => [
      await aWorktree(storage, { 'a.txt': 'one\n' }),
      await tar(storage, 'overlay.tar', { '.agora/setup/01-large.sh': 'head -c 60000000 /dev/urandom > large' }),
    ],
    spec: {
      hasOverlay: true,
      setup: [{ capability: 'large', path: '.agora/setup/01-large.sh' }],
      limits: { ...someLimits, memoryMb: 160, diskMb: 256, outputBytes: 256 * 1024 * 1024 },
    },
    script: 'echo more >> large; echo kept > "$AGORA_OUTPUT_DIR/kept"',
  });

  assert.deepEqual([result.failure, result.exitCode], ['memory-limit', 0]);
  assert.deepEqual(result.leftOut, ['the patch: Making the patch needed more than 160 MiB of memory']);
  assert.deepEqual(result.outputs, [{ path: 'kept', sizeBytes: 5 }]);
});

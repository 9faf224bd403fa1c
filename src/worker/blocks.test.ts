import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outNames } from '../contracts/names.ts';
import { type Block, defaultBlocks } from '../contracts/pipeline.ts';
import { doWork } from './worker-under-test.ts';

const shell = (script: string) => ['sh', '-c', script];
const agent: Block = { kind: 'agent' };
const patch: Block = { kind: 'capture', what: 'patch' };
const outputs: Block = { kind: 'capture', what: 'outputs' };
const script = (lens: 'gate' | 'verify', command: string, timeoutSeconds = 20): Block => ({
  kind: 'script',
  lens,
  command: shell(command),
  timeoutSeconds,
});
const work = shell('echo made > made.txt; echo out > "$AGORA_OUTPUT_DIR/out"');

test('a gate that passes lets the blocks after it run, in their order', async (t) => {
  const { result, read } = await doWork(t, {
    command: work,
    blocks: [agent, script('gate', 'grep -q made made.txt && echo formatted >> made.txt'), patch, outputs],
  });

  assert.equal(result.outcome, 'done');
  const told = result.blocks.map(({ kind, name, passed, exitCode }) => [kind, name, passed, exitCode]);
  assert.deepEqual(told, [
    ['agent', undefined, true, 0],
    ['script', 'gate', true, 0],
    ['capture', 'patch', true, undefined],
    ['capture', 'outputs', true, undefined],
  ]);
  assert.match(await read(outNames.patch), /^\+formatted$/m);
});

test('a gate that fails ends the dispatch, and the work is kept all the same', async (t) => {
  const { result, read } = await doWork(t, {
    command: work,
    blocks: [agent, script('gate', 'exit 3'), patch, outputs],
  });

  assert.deepEqual([result.outcome, result.failure, result.exitCode], ['failed', 'gate-failed', 3]);
  assert.equal(result.message, 'The gate script ended with exit code 3');
  assert.deepEqual(
    result.blocks.map(({ kind, passed }) => [kind, passed]),
    [
      ['agent', true],
      ['script', false],
    ],
  );
  assert.match(await read(outNames.patch), /^\+made$/m);
  assert.deepEqual(result.outputs, [{ path: 'out', sizeBytes: 4 }]);
});

test('a gate after the patch cannot change it, passed or not', async (t) => {
  const { read } = await doWork(t, {
    command: work,
    blocks: [agent, patch, script('gate', 'echo late > made.txt; exit 1'), outputs],
  });

  assert.match(await read(outNames.patch), /^\+made$/m);
});

test('a verification that fails is told and changes nothing', async (t) => {
  const verify = { command: shell('echo "no good"; rm made.txt; exit 4') };
  const { result, read, live } = await doWork(t, { command: work, blocks: defaultBlocks(verify) });

  assert.deepEqual([result.outcome, result.exitCode], ['done', 0]);
  const told = result.blocks.find(({ name }) => name === 'verify');
  assert.deepEqual([told?.passed, told?.exitCode], [false, 4]);
  assert.match(await read(outNames.patch), /^\+made$/m);
  assert.equal(live.stdout, 'no good\n');
  assert.match(await read(outNames.transcript), /no good/);
});

test('a script has a time of its own, and all together have that of the task', async (t) => {
  const own = await doWork(t, { command: work, blocks: [agent, script('gate', 'sleep 60', 0.2), patch, outputs] });
  const shared = await doWork(t, {
    command: work,
    blocks: [agent, script('gate', 'sleep 60'), patch, outputs],
    limits: { timeoutSeconds: 1 },
  });

  assert.deepEqual([own.result.failure, own.result.message], ['gate-failed', 'The gate script ran longer than 0.2 s']);
  assert.equal(shared.result.failure, 'timeout');
});

test('without a block for it the work is not kept, unless the subagent fails', async (t) => {
  const done = await doWork(t, { command: work, blocks: [agent] });
  const failed = await doWork(t, { command: [...work.slice(0, 2), `${work[2]}; exit 1`], blocks: [agent] });

  assert.deepEqual([done.result.outcome, done.result.patchBytes, done.result.outputs], ['done', 0, []]);
  assert.equal(failed.result.failure, 'exit-nonzero');
  assert.ok(failed.result.patchBytes > 0);
  assert.equal(failed.result.outputs.length, 1);
});

test('a stop during a verification keeps what there is', async (t) => {
  const { result } = await doWork(t, {
    command: work,
    blocks: [agent, patch, script('verify', 'echo > begun.txt; sleep 60'), outputs],
    stopAtFile: 'begun.txt',
  });

  assert.equal(result.outcome, 'stopped');
  assert.ok(result.patchBytes > 0);
  assert.equal(result.outputs.length, 1);
});

test('no process of one block is left for the next', async (t) => {
  const { result } = await doWork(t, {
    command: shell('(setsid sh -c "while :; do echo late >> late.txt; sleep 0.01; done" &) ; sleep 0.1'),
    blocks: [agent, script('gate', 'wc -c < late.txt > one; sleep 0.2; wc -c < late.txt | cmp - one'), patch],
  });

  assert.equal(result.outcome, 'done');
});

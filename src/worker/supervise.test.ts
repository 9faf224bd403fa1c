import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { leftToNpmTest } from '../../test/support/quick-tests.ts';
import { runningProcesses } from '../base/process-identity.ts';
import { outNames } from '../contracts/names.ts';
import { aDispatchId, deepTreeProgram, doWork } from './worker-under-test.ts';

const shell = (script: string) => ['sh', '-c', script];

test('what is put beside the inputs and into the state folder is in no patch, and said to be left out', async (t) => {
  const { result } = await doWork(t, {
    command: shell('echo more > inputs/mine; mkdir -p .agora; echo x > .agora/note; echo y > inputs/part || true'),
    inputs: { part: 'part\n' },
  });

  assert.deepEqual(result.leftOut, [
    '".agora/note": in the worktree, in a folder that is no part of the work',
    '"inputs/mine": in the worktree, in a folder that is no part of the work',
  ]);
});

test('an edited worktree becomes a patch, written outputs become outputs', async (t) => {
  const { result, read } = await doWork(t, {
    command: shell('sed -i s/one/two/ a.txt; cat inputs/part >> a.txt; echo made > "$AGORA_OUTPUT_DIR/made"'),
    files: { 'a.txt': 'one\n' },
    inputs: { part: 'part\n' },
  });

  const { timings, patchBytes, blocks, ...rest } = result;
  assert.deepEqual(rest, {
    dispatchId: aDispatchId,
    outcome: 'done',
    exitCode: 0,
    signal: null,
    outputs: [{ path: 'made', sizeBytes: 5 }],
    leftOut: [],
    redacted: [],
  });
  assert.deepEqual(
    blocks.map(({ durationMs: _, ...block }) => block),
    [
      { kind: 'agent', passed: true, exitCode: 0 },
      { kind: 'capture', name: 'patch', passed: true },
      { kind: 'capture', name: 'outputs', passed: true },
    ],
  );
  const patch = await read(outNames.patch);
  assert.match(patch, /^-one\n\+two\n\+part$/m);
  assert.equal(patchBytes, Buffer.byteLength(patch));
  assert.ok(timings.runMs > 0);
});

test('the environment holds what the task names and nothing of the supervisor', async (t) => {
  const { read } = await doWork(t, {
    command: shell('env -u PWD -u _ -u SHLVL > "$AGORA_OUTPUT_DIR/env"'),
    env: { PLAIN: 'plain', AGORA_DISPATCH_ID: 'forged' },
    secrets: { TOKEN: 'secret' },
  });

  const names = (await read(`${outNames.outputs}/env`))
    .trim()
    .split('\n')
    .map((line) => line.split('=')[0]);
  const own = [
    'AGORA_DISPATCH_ID',
    'AGORA_INPUT',
    'AGORA_OUTPUT_DIR',
    'HOME',
    'LANG',
    'PATH',
    'PLAIN',
    'TERM',
    'TOKEN',
  ];
  assert.deepEqual(names.sort(), own);
  assert.match(await read(`${outNames.outputs}/env`), new RegExp(`^AGORA_DISPATCH_ID=${aDispatchId}$`, 'm'));
});

test('both streams are in the transcript, characters whole', async (t) => {
  const { read } = await doWork(t, { command: shell(`printf 'gr\\303'; sleep 0.1; printf '\\274n\\n'; echo bad >&2`) });

  const lines = (await read(outNames.transcript))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const textOf = (stream: string) =>
    lines
      .filter((line) => line.stream === stream)
      .map((line) => line.text)
      .join('');
  assert.equal(textOf('stdout'), 'grün\n');
  assert.equal(textOf('stderr'), 'bad\n');
});

test('a stop ends the subagent and keeps what it had written', async (t) => {
  const { result, read } = await doWork(t, {
    command: shell('trap "echo told > told.txt; exit 0" TERM; echo x > begun.txt; while :; do sleep 0.05; done'),
    stopAtFile: 'begun.txt',
  });

  assert.deepEqual([result.outcome, result.failure], ['stopped', undefined]);
  assert.match(await read(outNames.patch), /told\.txt/);
});

test('a stop ends a subagent that does not listen', async (t) => {
  const { result } = await doWork(t, {
    command: shell('trap "" TERM; echo x > begun.txt; while :; do sleep 0.05; done'),
    stopAtFile: 'begun.txt',
  });

  assert.deepEqual([result.outcome, result.signal], ['stopped', 'SIGKILL']);
});

test('time, output and disk limits end the subagent with their own code', async (t) => {
  const failure = async (script: string, limits: object) =>
    (await doWork(t, { command: shell(script), limits })).result.failure;

  assert.equal(await failure('sleep 60', { timeoutSeconds: 0.2 }), 'timeout');
  assert.equal(await failure('yes', { outputBytes: 50_000 }), 'output-limit');
  assert.equal(await failure('head -c 9000000 /dev/zero > one', { diskMb: 4 }), 'disk-limit');
  assert.equal(
    await failure('for i in 1 2 3 4; do head -c 3000000 /dev/zero > f$i; done; sleep 60', { diskMb: 6 }),
    'disk-limit',
  );
});

test('what is printed is kept up to the limit and not in the message', async (t) => {
  const { result, read } = await doWork(t, {
    command: shell('while :; do echo private; done'),
    limits: { outputBytes: 10_000 },
  });

  assert.ok(Buffer.byteLength(await read(outNames.transcript)) < 20_000);
  assert.doesNotMatch(JSON.stringify(result), /private/);
});

test('processes without end are a processes limit', async (t) => {
  if (process.geteuid?.() !== 0) return t.skip('without a user of its own nothing limits them');
  const { result } = await doWork(t, { command: shell('while :; do sleep 60 & done'), limits: { pids: 32 } });

  assert.equal(result.failure, 'pids-limit');
});

test('no process of the subagent is left, not even one that hides in a session of its own', async (t) => {
  const { result, uid } = await doWork(t, {
    command: shell('setsid sleep 600 & (trap "" TERM HUP; sleep 600) & exit 0'),
  });

  assert.equal(result.outcome, 'done');
  if (uid === undefined) return;
  const owners = runningProcesses().map((pid) => statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid);
  assert.equal(owners.includes(uid), false);
});

test('a worktree made hostile is captured without leaving it', async (t) => {
  const program = `
    mkfifo pipe "$AGORA_OUTPUT_DIR/pipe" .gitignore
    ln -s /etc/passwd link; ln -s /etc "$AGORA_OUTPUT_DIR/etc"; ln -s / root
    mkdir -m 000 closed; mkdir hidden; echo x > hidden/file; chmod 000 hidden
    echo unreadable > secret; chmod 000 secret
    mkdir -p nested/.git/hooks; echo 'ref: refs/heads/x' > nested/.git/HEAD; echo x > nested/file
    mkdir .git; printf '[core]\\nfsmonitor = "touch %s/hacked"\\n' "$PWD" > .git/config
    printf '* filter=evil diff=evil\\n' > .gitattributes
    printf 'a' > "$(printf 'new\\nline')"
    rm kept.txt`;

  const { result, read, workspace } = await doWork(t, { command: shell(program), files: { 'kept.txt': 'kept\n' } });

  const { outcome, outputs, leftOut } = result;
  assert.deepEqual({ outcome, outputs }, { outcome: 'done', outputs: [] });
  assert.deepEqual(leftOut, [
    '".git": in the worktree, the files of a repository of its own',
    '".gitignore": in the worktree, not a regular file',
    '"nested/.git": in the worktree, the files of a repository of its own',
    '"pipe": in the worktree, not a regular file',
    '"etc": a link',
    '"pipe": not a regular file',
  ]);
  const patch = await read(outNames.patch);
  assert.match(patch, /deleted file mode 100644/);
  assert.match(patch, /new file mode 120000/);
  assert.match(patch, /"b\/new\\nline"/);
  assert.match(patch, /^\+unreadable$/m);
  assert.doesNotMatch(patch, /root:x:0/);
  assert.equal(readdirSync(workspace).includes('hacked'), false);
});

// Git cannot name what lies deeper than a path may be long; the rest must be captured all the same.
test('a tree deeper than any path may be long is passed over', { skip: leftToNpmTest }, async (t) => {
  const dig = ['node', '-e', `require('node:fs').writeFileSync('kept', ''); ${deepTreeProgram(3_000)}`];
  const { result, read } = await doWork(t, { command: dig });

  assert.equal(result.outcome, 'done');
  assert.match(await read(outNames.patch), /b\/kept/);
});

test('a subagent that removes everything leaves the removal as its patch', async (t) => {
  const { result, read } = await doWork(t, {
    command: shell('rm -rf ./* .[!.]* "$AGORA_OUTPUT_DIR"/*; chmod 000 .'),
    files: { 'a.txt': 'one\n' },
  });

  assert.equal(result.outcome, 'done');
  assert.match(await read(outNames.patch), /deleted file mode/);
});

test('files that do not fit or cannot be laid out fail before anything runs', async (t) => {
  const command = shell('true');

  const tooBig = await doWork(t, { command, files: { big: 'x'.repeat(2_000_000) }, limits: { diskMb: 1 } });
  const escaping = await doWork(t, { command, files: { '../escaped': 'x' } });

  assert.deepEqual([tooBig.result.failure, tooBig.result.exitCode], ['disk-limit', null]);
  assert.deepEqual([escaping.result.failure, escaping.result.exitCode], ['integrity', null]);
});

test('a patch that takes for ever to make is given up soon after a stop, and the outputs are kept', {
  skip: leftToNpmTest,
}, async (t) => {
  const long = `mkdir -p "$(printf 'a%.0s' $(seq 200))/$(printf 'a%.0s' $(seq 200))/c"`;
  const rule = `printf '/%s/b\\n' "$(printf '**a%.0s' $(seq 40))" > .gitignore`;
  const script = `${long}; ${rule}; echo kept > "$AGORA_OUTPUT_DIR/kept"; echo x > begun.txt; sleep 60`;

  const { result } = await doWork(t, { command: shell(script), stopAtFile: 'begun.txt' });

  assert.deepEqual([result.outcome, result.patchBytes], ['stopped', 0]);
  assert.deepEqual(result.outputs, [{ path: 'kept', sizeBytes: 5 }]);
  assert.deepEqual(result.leftOut, ['the patch: The worker was stopped before all was kept']);
});

test('a patch that cannot be kept of a command that failed is said to be missing', async (t) => {
  const script = 'head -c 5000 /dev/urandom | base64 > large; exit 3';

  const { result } = await doWork(t, { command: shell(script), limits: { outputBytes: 4096 } });

  assert.deepEqual([result.failure, result.exitCode], ['exit-nonzero', 3]);
  assert.deepEqual(result.leftOut, ['the patch: The patch is larger than 4096 bytes']);
});

test('an argument, a variable or a secret that is too long is a refusal with a result', async (t) => {
  const long = 'x'.repeat(200_000);

  const { result } = await doWork(t, { command: shell('true'), secrets: { LONG: long } });

  assert.deepEqual([result.outcome, result.failure], ['failed', 'refused']);
  assert.match(result.message ?? '', /^The command could not be started: E2BIG/);
});

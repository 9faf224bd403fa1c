import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { hostExec } from './host-exec.ts';
import { aSessionPlace, typedText } from './session-place.suite.ts';

const never: AsyncIterable<Uint8Array> = {
  [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }),
};

test('the outputs of a command stay apart, and its exit code is the exit code', async (t) => {
  const { type } = await aSessionPlace(t);

  const done = type(hostExec, ['box/web', 'sh', '-c', 'echo out; echo err >&2; exit 7']);

  assert.deepEqual(await done.ended, { code: 7, stdout: 'out\n', stderr: 'err\n' });
});

test('what is piped in goes through byte for byte, and its end as well', async (t) => {
  const { type } = await aSessionPlace(t);
  const content = randomBytes(3_000_001);

  const done = type(hostExec, ['-i', 'box/web', '--', 'cat'], {
    stdin: typedText(content.subarray(0, 1), content.subarray(1)),
  });

  assert.equal((await done.ended).code, 0);
  assert.ok(done.bytes().equals(content));
});

test('without -i nothing is read of the input, and the command sees its end', async (t) => {
  const { type } = await aSessionPlace(t);

  const done = type(hostExec, ['box/web', 'cat'], { stdin: never });

  assert.deepEqual(await done.ended, { code: 0, stdout: '', stderr: '' });
});

test('variables are given by value, or by the name of one that is set here', async (t) => {
  const { type } = await aSessionPlace(t);
  const words = ['-e', 'A=1=2', '--env', 'B', '-e', 'C', 'box/web', 'sh', '-c', 'echo "$A $B [$C]"'];

  assert.equal((await type(hostExec, words, { env: { B: 'here' } }).ended).stdout, '1=2 here []\n');
  assert.match((await type(hostExec, ['-e', '=x', 'box/web', 'true']).ended).stderr, /does not begin with a name/);
});

test('a first Ctrl-C goes to the command, whose end it may be', async (t) => {
  const { type } = await aSessionPlace(t);
  const stop = new AbortController();
  const done = type(
    hostExec,
    ['box/web', 'sh', '-c', 'trap "echo caught; exit 5" INT; echo on; while :; do sleep 0.01; done'],
    {
      stop: stop.signal,
    },
  );
  await waitUntil('its first output', () => done.printed.stdout !== '');
  stop.abort('SIGINT');

  assert.deepEqual(await done.ended, { code: 5, stdout: 'on\ncaught\n', stderr: '' });
});

test('a second Ctrl-C leaves what does not end by the first, and ends it', async (t) => {
  const { type, host } = await aSessionPlace(t);
  const [stop, force] = [new AbortController(), new AbortController()];
  const done = type(hostExec, ['box/web', 'sh', '-c', 'trap "" INT; echo on; while :; do sleep 0.01; done'], {
    stop: stop.signal,
    force: force.signal,
  });
  await waitUntil('its first output', () => done.printed.stdout !== '');
  stop.abort('SIGINT');
  force.abort('SIGINT');

  assert.deepEqual(await done.ended, { code: 130, stdout: 'on\n', stderr: '' });
  await waitUntil('the end of the session', () => host.desk.list().length === 0);
});

test('who reads no more ends the session', async (t) => {
  const { type, host } = await aSessionPlace(t);

  const done = type(hostExec, ['box/web', 'yes'], { stdoutBytes: 100_000 });

  assert.match((await done.ended).stderr, /nobody reads/);
  await waitUntil('the end of the session', () => host.desk.list().length === 0);
});

test('a lost link is waited for, and each byte comes once', async (t) => {
  const { type, host } = await aSessionPlace(t);
  const done = type(hostExec, [
    'box/web',
    'sh',
    '-c',
    'for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 0.05; done; exit 3',
  ]);
  await waitUntil('its first output', () => done.printed.stdout !== '');
  host.socket.terminate();
  await host.connect();

  assert.deepEqual(await done.ended, { code: 3, stdout: '1\n2\n3\n4\n5\n6\n7\n8\n9\n', stderr: '' });
});

test('a workspace that is not there is told with the near one, and words that are none at once', async (t) => {
  const { type } = await aSessionPlace(t);

  const missing = await type(hostExec, ['box/wbe', 'ls']).ended;
  assert.deepEqual(missing.code, 3);
  assert.match(missing.stderr, /Cannot find workspace "wbe": host "box" has none/);
  assert.match((await type(hostExec, ['bx/web', 'ls']).ended).stderr, /Cannot find host "bx".*did you mean "box"/);
  assert.match((await type(hostExec, ['box', 'ls']).ended).stderr, /"box": it is not HOST\/WORKSPACE/);
  assert.match((await type(hostExec, ['box/web/x', 'ls']).ended).stderr, /it is not HOST\/WORKSPACE/);
  assert.match((await type(hostExec, ['-it', 'box/web', 'ls']).ended).stderr, /the input here is none/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import { aSource } from '../session/session.suite.ts';
import type { OpenableSpec } from '../session/session-desk.ts';
import { hostAttach } from './host-attach.ts';
import { hostExec } from './host-exec.ts';
import { hostJoin } from './host-join.ts';
import { hostSessions } from './host-sessions.ts';
import { aSessionPlace, typedText } from './session-place.suite.ts';

test('sessions are listed, joined by a beginning of their id, and ended for all', async (t) => {
  const { type } = await aSessionPlace(t);
  const first = type(hostExec, ['box/web', 'sh', '-c', 'echo from the start; sleep 60']);
  await waitUntil('its first output', () => first.printed.stdout !== '');

  const listed = await type(hostSessions, []).ended;
  const [id = '', user, where, kind, what] = listed.stdout.split('\t');
  assert.deepEqual([user, where, kind, what], ['admin', 'box/web', 'exec', "sh -c 'echo from the start; sleep 60'"]);
  const second = type(hostJoin, [id.slice(0, 6)]);
  await waitUntil('what was printed before', () => second.printed.stdout === 'from the start\n');
  const [seen] = JSON.parse((await type(hostSessions, ['--json']).ended).stdout);
  assert.deepEqual(seen.viewers, ['admin', 'admin']);

  assert.equal((await type(hostSessions, ['--end', id.slice(0, 6)]).ended).stderr, `agora: ended ${id}\n`);
  for (const { code, stderr } of [await first.ended, await second.ended]) {
    assert.equal(code, 1);
    assert.match(stderr, /admin/);
  }
  assert.equal((await type(hostSessions, []).ended).stderr, 'agora: there are no sessions\n');
});

test('a session that is not there is told', async (t) => {
  const { type } = await aSessionPlace(t);

  const { code, stderr } = await type(hostJoin, ['s-nope']).ended;

  assert.equal(code, 3);
  assert.match(stderr, /Cannot find session "s-nope": there are none/);
});

test('what is attached to is typed to, and its exit code is the exit code', async (t) => {
  const source = aSource();
  const specs: OpenableSpec[] = [];
  const { type } = await aSessionPlace(t, (spec) => {
    specs.push(spec);
    return { source: source.source, isTerminal: false, readsOn: true };
  });
  const done = type(hostAttach, ['box/web'], { stdin: typedText('hello\n') });
  await waitUntil('what is typed', () => source.told.includes('write hello\n'));
  source.say('out\n');
  source.end();

  assert.deepEqual(await done.ended, { code: 3, stdout: 'out\n', stderr: '' });
  assert.deepEqual(specs, [{ kind: 'attach', workspace: 'web', interactive: true }]);
});

test('who only looks leaves with Ctrl-C, and the program is not told', async (t) => {
  const source = aSource();
  const { type, host } = await aSessionPlace(t, () => ({ source: source.source, isTerminal: false, readsOn: true }));
  const [stopped, stoppedToo] = [new AbortController(), new AbortController()];

  const attached = type(hostAttach, ['box/web', '--no-stdin'], { stop: stopped.signal });
  source.say('one\n');
  await waitUntil('what it prints', () => attached.printed.stdout !== '');
  stopped.abort('SIGINT');
  const { code, stderr } = await attached.ended;
  assert.equal(code, 130);
  const [, id = ''] = /^agora: left; it waits \d+ min for you: agora host join (\S+)\n$/.exec(stderr) ?? [];
  const joined = type(hostJoin, [id, '--no-stdin'], { stop: stoppedToo.signal });
  await waitUntil('what it printed', () => joined.printed.stdout === 'one\n');
  stoppedToo.abort('SIGINT');

  assert.equal((await joined.ended).code, 130);
  assert.equal(host.desk.list().length, 1);
  assert.ok(!source.told.includes('SIGINT'));
});

test('where an attached session is lost, another one takes its place', async (t) => {
  const sources = [aSource(), aSource()];
  let opened = 0;
  const { type } = await aSessionPlace(t, () => {
    const source = sources[opened]?.source;
    assert.ok(source !== undefined);
    opened += 1;
    return { source, isTerminal: false, readsOn: true };
  });
  const done = type(hostAttach, ['box/web', '--no-stdin']);
  sources[0]?.say('one\n');
  await waitUntil('what it prints', () => done.printed.stdout !== '');
  sources[0]?.end(new AppError('unreachable', 'Cannot stay attached: the agent was restarted'));
  await waitUntil('another one', () => opened === 2);
  sources[1]?.say('two\n');
  sources[1]?.end();

  const { code, stdout, stderr } = await done.ended;
  assert.deepEqual([code, stdout], [3, 'one\ntwo\n']);
  assert.match(stderr, /the agent was restarted; opening it anew/);
});

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import { aSource } from '../session/session.suite.ts';
import type { OpenableSpec } from '../session/session-desk.ts';
import { hostLogs } from './host-logs.ts';
import { aSessionPlace } from './session-place.suite.ts';

/** A host whose logs say what the test puts: a new one each time that one is opened. */
async function aLogPlace(t: TestContext) {
  const opened: { readonly spec: OpenableSpec; readonly log: ReturnType<typeof aSource> }[] = [];
  const place = await aSessionPlace(t, (spec) => {
    const log = aSource();
    opened.push({ spec, log });
    return { source: log.source, isTerminal: false, readsOn: false };
  });
  const nth = (count: number) =>
    waitUntil(`log ${count}`, () => opened[count - 1], { timeoutMs: 20_000 }).then(({ spec, log }) => ({
      spec,
      ...log,
    }));
  return { ...place, nth };
}

const second = (count: number) => `2026-11-22T01:00:0${count}.000000000Z`;

test('a log is asked for as it was typed, and its outputs stay apart', async (t) => {
  const { type, nth } = await aLogPlace(t);
  const done = type(hostLogs, ['box/web', '--since', '2026-11-22T00:00:00Z', '-n', '5', '-t']);
  const { spec, say, end } = await nth(1);
  say('one\n');
  say('two\n', 'error');
  end();

  assert.deepEqual(await done.ended, { code: 0, stdout: 'one\n', stderr: 'two\n' });
  assert.deepEqual(spec, {
    ...{ kind: 'logs', source: { of: 'workspace', name: 'web' }, follow: false, timestamps: true },
    ...{ since: '2026-11-22T00:00:00.000Z', tail: 5 },
  });
});

test('a host alone is the log of its agent', async (t) => {
  const { type, nth } = await aLogPlace(t);
  const done = type(hostLogs, ['box']);
  const { spec, end } = await nth(1);
  end();

  await done.ended;
  assert.deepEqual(spec.kind === 'logs' && spec.source, { of: 'agent' });
});

test('a log that is followed is opened anew where its session was lost, without a line twice', async (t) => {
  const { type, nth } = await aLogPlace(t);
  const done = type(hostLogs, ['box/web', '-f', '--tail', '1']);
  const first = await nth(1);
  first.say(`${second(1)} one\n${second(2)} two, in pa`);
  first.say(`${second(1)} oops\n`, 'error');
  await waitUntil('what it prints', () => done.printed.stdout.endsWith('pa') && done.printed.stderr !== '');
  first.end(new AppError('unreachable', 'Cannot read the log: the engine is away'));
  const again = await nth(2);
  again.say(`${second(1)} one\n${second(2)} two, in parts\n${second(3)} three\n`);
  again.say(`${second(1)} oops\n${second(4)} again\n`, 'error');
  again.end();

  assert.deepEqual(await done.ended, { code: 0, stdout: 'one\ntwo, in parts\nthree\n', stderr: 'oops\nagain\n' });
  assert.deepEqual(again.spec.kind === 'logs' && [again.spec.since, again.spec.tail], [
    '2026-11-22T01:00:01.000Z',
    undefined,
  ]);
});

test('the log of a build is followed until its end', async (t) => {
  const { type, host } = await aLogPlace(t);
  const build = {
    ...{ buildId: `b-${'a'.repeat(26)}`, image: 'web', tag: 'web:1', context: `sha256:${'0'.repeat(64)}` },
    queuedAt: '2026-01-01T00:00:00Z',
  };
  const report = (state: 'running' | 'succeeded', first: number, line: string) =>
    host.agent.client.call('reportBuilds', {
      body: {
        builds: [{ ...build, state }],
        ...{ live: state === 'running' ? [build.buildId] : [], pushes: [] },
        logs: [{ buildId: build.buildId, first, lines: [line] }],
      },
    });
  await report('running', 0, 'step 1');

  const done = type(hostLogs, ['box', '--build', 'web', '-f']);
  await waitUntil('its first line', () => done.printed.stdout !== '');
  await report('succeeded', 1, 'step 2');

  assert.deepEqual(await done.ended, { code: 0, stdout: 'step 1\nstep 2\n', stderr: '' });
});

test('a log that is not followed is not opened anew', async (t) => {
  const { type, nth } = await aLogPlace(t);
  const done = type(hostLogs, ['box/web']);
  const { say, end } = await nth(1);
  say('one\n');
  end(new AppError('unreachable', 'Cannot read the log: the engine is away'));

  const { code, stdout, stderr } = await done.ended;
  assert.deepEqual([code, stdout], [3, 'one\n']);
  assert.match(stderr, /Cannot read the log: the engine is away/);
});

test('Ctrl-C ends it quietly, and so does who reads no more', async (t) => {
  const { type, nth, host } = await aLogPlace(t);
  const stop = new AbortController();
  const followed = type(hostLogs, ['box/web', '-f'], { stop: stop.signal });
  (await nth(1)).say(`${second(1)} one\n`);
  await waitUntil('what it prints', () => followed.printed.stdout !== '');
  stop.abort('SIGINT');
  const headed = type(hostLogs, ['box/web'], { stdoutBytes: 3 });
  (await nth(2)).say('four\n');

  assert.deepEqual(await followed.ended, { code: 130, stdout: 'one\n', stderr: '' });
  assert.match((await headed.ended).stderr, /nobody reads/);
  await waitUntil('the end of the sessions', () => host.desk.list().length === 0);
});

test('words that name no log, or two, are refused', async (t) => {
  const { type } = await aLogPlace(t);
  for (const typed of [
    [],
    ['box', '--server-log'],
    ['--server-log', '--build', 'x'],
    ['box/web', '--build', 'x'],
    ['box', '-n', '-1'],
    ['box', '-n', 'x'],
  ]) {
    assert.equal((await type(hostLogs, typed).ended).code, 2, typed.join(' '));
  }
  assert.match((await type(hostLogs, ['box', '--since', 'noon']).ended).stderr, /"noon": it is not a time/);
});

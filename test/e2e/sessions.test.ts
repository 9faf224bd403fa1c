import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { Caller } from '../../bench/session-caller.ts';
import { waitUntil } from '../../src/base/deadline.ts';
import { aWorkspace, type FleetEngine, startFleetEngine } from '../support/fleet-engine.ts';
import { kill } from '../support/fleet-processes.ts';
import { privateEngineObstacle } from '../support/private-engine.ts';
import { prints, SessionPlace } from '../support/session-place.ts';

const skip = (await privateEngineObstacle()) ?? false;
const patience = { timeoutMs: 20_000, intervalMs: 50 };

describe('sessions from a command line through a server and an agent to an engine', {
  skip,
  timeout: 150_000,
  concurrency: 3,
}, () => {
  const ends: (() => unknown)[] = [];
  let engine: FleetEngine;
  let place: SessionPlace;
  before(async () => {
    engine = await startFleetEngine();
    ends.unshift(() => engine.close());
    const ticks = 'i=0; while true; do i=$((i + 1)); echo tick $i; sleep 0.2; done';
    const workspaces = {
      calm: aWorkspace(),
      'calm-ticks': aWorkspace({ command: ['sh', '-c', ticks] }),
      'calm-cat': aWorkspace({ command: ['cat'], stdin: true }),
      'calm-port': aWorkspace({ command: ['nc', '-ll', '-p', '7000', '-e', 'cat'] }),
    };
    place = await SessionPlace.start(
      { after: (end) => void ends.unshift(end as () => unknown) },
      { engine, name: 'calm', workspaces },
    );
  });
  after(async () => {
    for (const end of ends) await end();
  });
  const finished = (...call: Parameters<SessionPlace['call']>) => place.call(...call).finished;

  test('a command has the outputs, the input and the exit code that it has beside the engine', async () => {
    const script = 'echo out; echo $NAME in $PWD >&2; cat; exit 9';
    const words = ['host', 'exec', '-i', '-e', 'NAME=me', '-w', '/bin', 'calm/calm', '--', 'sh', '-c', script];
    const { code, stdout, stderr } = await finished(words, { input: 'typed\n' });
    assert.deepEqual({ code, stdout, stderr }, { code: 9, stdout: 'out\ntyped\n', stderr: 'me in /bin\n' });
  });

  test('a command that is not there ends as it does beside the engine, a workspace that is not there with its neighbours', async () => {
    const [noCommand, noWorkspace] = await Promise.all([
      finished(['host', 'exec', 'calm/calm', 'nonesuch']),
      finished(['host', 'exec', 'calm/calm-tick', 'true']),
    ]);
    assert.ok(noCommand.code === 126 || noCommand.code === 127, noCommand.stderr);
    assert.match(noCommand.stdout + noCommand.stderr, /nonesuch/);
    assert.notEqual(noWorkspace.code, 0);
    assert.match(noWorkspace.stderr, /calm-ticks/);
  });

  test('a log is read from its end on, and followed', async () => {
    const following = place.call(['host', 'logs', 'calm/calm-ticks', '-f', '--tail', '2']);
    await prints(following, /(tick \d+\n){6}/);
    following.child.kill('SIGINT');
    const { stdout, stderr } = await following.finished;
    const numbers = stdout
      .trim()
      .split('\n')
      .map((line) => Number(line.replace('tick ', '')));
    const whole = await finished(['host', 'logs', 'calm/calm-ticks']);

    assert.deepEqual(
      numbers,
      numbers.map((_, index) => (numbers[0] ?? 0) + index),
    );
    assert.equal(stderr.includes('tick'), false);
    assert.ok(whole.stdout.startsWith('tick 1\ntick 2\n'), 'without --tail all of it');
  });

  test('logs of the agent and of the server come the same way', async () => {
    const [ofAgent, ofServer] = await Promise.all([
      finished(['host', 'logs', 'calm']),
      finished(['host', 'logs', '--server-log']),
    ]);
    assert.match(ofAgent.stdout, /declared|registered|admitted/i, ofAgent.stderr);
    assert.deepEqual([ofServer.code, ofServer.stderr], [0, '']);
  });

  test('who attaches types into the main program, sees what it says, and leaves it running', async () => {
    const input = new PassThrough();
    const attached = place.call(['host', 'attach', 'calm/calm-cat'], { input });
    input.write('first\n');
    await prints(attached, 'first\n');
    await kill(attached);
    const again = place.call(['host', 'attach', 'calm/calm-cat'], { input: new PassThrough().end('second\n') });
    await prints(again, 'second\n');
    await kill(again);

    assert.equal(again.stdout().includes('first'), false);
  });

  test('a port of a workspace is a port of the caller, for several at once, each byte there and back', async () => {
    const proxy = place.call(['host', 'proxy', 'calm/calm-port', '7000:17000']);
    await waitUntil('the port', () => /17000/.test(proxy.stdout() + proxy.stderr()), patience);
    const sizes = [1, 100_000, 3_000_000];
    const got = await Promise.all(
      sizes.map(async (size, index) => {
        const file = join(place.fleet.project.folder, `sent-${index}`);
        await writeFile(file, randomBytes(size));
        // It ends when what came back is as much as was sent.
        const script = `exec 3<>/dev/tcp/127.0.0.1/17000; cat ${file} >&3 & head -c ${size} <&3 | cmp - ${file}`;
        return await place.beside('bash', ['-c', script]).finished;
      }),
    );
    proxy.child.kill('SIGINT');
    await proxy.finished;

    assert.deepEqual(
      got.map(({ code, stderr }) => [code, stderr]),
      sizes.map(() => [0, '']),
    );
  });

  test('files go in and out as they are', async () => {
    const { folder } = place.fleet.project;
    const content = randomBytes(5_000_000);
    await mkdir(join(folder, 'tree'));
    await writeFile(join(folder, 'tree/big'), content);
    await writeFile(join(folder, 'tree/script'), '#!/bin/sh\n', { mode: 0o755 });

    const goingIn = await finished(['host', 'cp', 'tree', 'calm/calm:/copied']);
    const comingOut = await finished(['host', 'cp', 'calm/calm:/copied', 'back']);

    assert.equal(goingIn.code, 0, goingIn.stderr);
    assert.equal(comingOut.code, 0, comingOut.stderr);
    assert.ok(content.equals(await readFile(join(folder, 'back/big'))));
    const { stdout } = await finished([
      'host',
      'exec',
      'calm/calm',
      '--',
      'sh',
      '-c',
      'test -x /copied/script && echo yes',
    ]);
    assert.equal(stdout, 'yes\n');
  });

  test('two view one session, type into it and see the same; one who leaves leaves the other there', async () => {
    const input = new PassThrough();
    const script = 'echo begun; while read line; do echo "$line"; [ "$line" = last ] && exit 4; done';
    const first = place.call(['host', 'exec', '-i', 'calm/calm', '--', 'sh', '-c', script], { input });
    await prints(first, 'begun\n');
    const listed = JSON.parse((await finished(['host', 'sessions', '--json'])).stdout);
    const { sessionId } = listed.find(({ what }: { what: string }) => what.includes('begun'));
    const secondInput = new PassThrough();
    const second = place.call(['host', 'join', sessionId], { input: secondInput });
    await prints(second, 'begun\n');

    input.write('from the first\n');
    await Promise.all([first, second].map((viewer) => prints(viewer, 'from the first\n')));
    secondInput.write('from the second\n');
    await Promise.all([first, second].map((viewer) => prints(viewer, 'from the second\n')));
    await kill(second);
    input.write('last\n');
    const { code, stdout } = await first.finished;

    assert.equal(code, 4);
    assert.equal(stdout, 'begun\nfrom the first\nfrom the second\nlast\n');
  });

  test('a reader that pauses holds up nobody else, and misses nothing', async () => {
    const count = 60_000;
    const print = `i=0; while [ $i -lt ${count} ]; do echo $i ${'x'.repeat(60)}; i=$((i + 1)); done`;
    const slow = place.call(['host', 'exec', 'calm/calm', '--', 'sh', '-c', print]);
    await prints(slow, '0 ');
    slow.child.stdout?.pause();
    const others = await Promise.all([1, 2, 3].map((n) => finished(['host', 'exec', 'calm/calm', 'echo', `${n}`])));
    slow.child.stdout?.resume();
    const { code, stdout } = await slow.finished;

    assert.deepEqual(
      others.map((other) => other.stdout),
      ['1\n', '2\n', '3\n'],
    );
    assert.equal(code, 0);
    assert.deepEqual(
      stdout
        .split('\n')
        .slice(0, -1)
        .findIndex((line, index) => line !== `${index} ${'x'.repeat(60)}`),
      -1,
    );
    assert.equal(stdout.split('\n').length, count + 1);
  });

  test('a viewer reads logs and nothing else, and what was opened, carried and refused is in the activity log', async () => {
    const { admin, project } = place.fleet;
    const { token } = await admin.call('addUser', { body: { name: 'looker', role: 'viewer' } });
    await writeFile(join(project.folder, 'looker'), token, { mode: 0o600 });
    const as = (...words: string[]) => finished(words, { tokenFile: 'looker' });

    const logs = await as('host', 'logs', 'calm/calm-ticks', '--tail', '1');
    const refused = await Promise.all([
      as('host', 'exec', 'calm/calm', 'true'),
      as('host', 'attach', '--no-stdin', 'calm/calm-ticks'),
      as('host', 'cp', 'calm/calm:/bin/busybox', 'stolen'),
    ]);

    assert.match(logs.stdout, /^tick \d+\n$/, logs.stderr);
    for (const { code, stderr } of refused) {
      assert.notEqual(code, 0);
      assert.match(stderr, /viewer.*operator/s);
    }
    const entries = async () => {
      const { activity } = await admin.call('listActivity', { query: { limit: 200 } });
      return activity.filter(({ actor, action }) => actor === 'user:looker' && action.startsWith('session.'));
    };
    const all = await waitUntil('what was done', async () => {
      const found = await entries();
      return found.some(({ action }) => action === 'session.close') && found.length >= 5 ? found : undefined;
    });
    const told = all.map(({ action, subject, details }) => `${action} ${details['kind']} ${subject}`).sort();
    assert.deepEqual(told, [
      'session.close logs host:calm',
      'session.open logs host:calm',
      'session.refuse attach host:calm',
      'session.refuse copy-out host:calm',
      'session.refuse exec host:calm',
    ]);
    const closed = all.find(({ action }) => action === 'session.close');
    assert.deepEqual([closed?.details['outputBytes'], closed?.details['inputBytes']], [logs.stdout.length, 0]);
  });

  test('one user has at most 64 sessions on the whole, and room again once one is over', async (t) => {
    const { admin, url } = place.fleet;
    const { token } = await admin.call('addUser', { body: { name: 'greedy', role: 'operator' } });
    const caller = new Caller({ url, token, host: 'calm', workspace: 'calm' });
    t.after(() => caller.close());
    const follow = () => caller.open({ kind: 'logs', source: { of: 'agent' }, follow: true, timestamps: false });
    const isOpen = ({ session }: ReturnType<typeof follow>) => session.accepted !== undefined;

    const many = Array.from({ length: 64 }, follow);
    await waitUntil('64 sessions', () => many.every(isOpen), patience);
    const refused = follow();
    await assert.rejects(refused.outcome, { code: 'limit-exceeded', message: /"greedy" has 64 open/ });
    many[0]?.cancel();
    const again = await waitUntil('room for another', async () => {
      const next = follow();
      await Promise.race([next.outcome.catch(() => undefined), waitUntil('it', () => isOpen(next), patience)]);
      return isOpen(next);
    });

    assert.equal(again, true);
  });
});

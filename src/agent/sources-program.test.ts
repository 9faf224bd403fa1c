import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { SessionsOnEngine, skip } from './suite-sessions.ts';

const size = { columns: 100, rows: 30 };

describe('programs of workspaces over an agent', { skip, concurrency: false, timeout: 120_000 }, () => {
  const place = new SessionsOnEngine();
  before(() => place.open());
  after(() => place.close());

  test('a command has its channels, environment, user, folder and exit code', async () => {
    const workspace = await place.start('exec', 'sleep 1000');
    const command = ['sh', '-c', 'echo "$A $(id -u) $(pwd)"; echo bad >&2; exit 7'];

    const heard = await place.hear({ kind: 'exec', workspace, command, env: ['A=b c'], user: '1234', workdir: '/bin' });

    assert.deepEqual(heard, {
      ...{ bytes: heard.bytes, output: 'b c 1234 /bin\n', error: 'bad\n', notices: [] },
      outcome: { kind: 'ended', exit: { code: 7, signal: undefined } },
    });
  });

  test('input goes in to its end, and comes back whole', async () => {
    const workspace = await place.start('cat', 'sleep 1000');
    const input = Buffer.alloc(3_000_000, 'abcdefg');

    const { output } = await place.hear({ kind: 'exec', workspace, command: ['cat'], interactive: true }, input);

    assert.equal(output, input.toString());
  });

  test('a terminal has its size, which changes, and a command heeds signals', async () => {
    const workspace = await place.start('terminal', 'sleep 1000');
    const script = 'trap "echo caught; exit 5" INT; while :; do stty size; sleep 0.1; done';
    const { session, ended, text } = place.follow({
      ...{ kind: 'exec', workspace, command: ['sh', '-c', script] },
      ...{ interactive: true, terminal: size },
    });
    await waitUntil('the first size', () => text().includes('30 100\r\n'));

    session.send({ event: 'resize', columns: 60, rows: 20 });
    await waitUntil('the new size', () => text().includes('20 60\r\n'));
    session.send({ event: 'signal', name: 'SIGINT' });

    assert.deepEqual(await ended, { kind: 'ended', exit: { code: 5, signal: undefined } });
    assert.match(text(), /caught/);
  });

  test('a session goes on over a socket that is lost, and loses nothing', async () => {
    const workspace = await place.start('lost', 'sleep 1000');
    const script = 'while read line; do echo "got $line"; done';
    const { session, ended, text } = place.follow({
      ...{ kind: 'exec', workspace, command: ['sh', '-c', script], interactive: true },
    });
    await session.write(Buffer.from('one\n'));
    await waitUntil('the first answer', () => text() === 'got one\n');

    place.reconnect();
    await session.write(Buffer.from('two\n'));
    session.endInput();

    assert.deepEqual(await ended, { kind: 'ended', exit: { code: 0, signal: undefined } });
    assert.equal(text(), 'got one\ngot two\n');
  });

  test('what is attached to is the main program, until it ends', async () => {
    const workspace = await place.start('attach', 'until [ -e /go ]; do sleep 0.05; done; echo went; exit 3');
    const { ended, text } = place.follow({ kind: 'attach', workspace, interactive: false });
    await place.hear({ kind: 'exec', workspace, command: ['sh', '-c', '>/go'] });

    assert.deepEqual(await ended, { kind: 'ended', exit: { code: 3, signal: undefined } });
    assert.equal(text(), 'went\n');
  });

  test('who is attached is told that an update replaced the container', async () => {
    const workspace = await place.start('replaced', 'echo old; sleep 1000');
    const { session, ended, text } = place.follow({ kind: 'attach', workspace, interactive: false });
    await waitUntil('the session', () => session.accepted !== undefined);

    await place.replace('replaced', 'sleep 1000');

    await assert.rejects(ended, (error) => isAppError(error) && /an update replaced its container/.test(error.message));
    assert.equal(text(), '');
  });

  test('who is attached is told how the program ended, also where it was started again meanwhile', async () => {
    const script = 'until [ -e /go ]; do sleep 0.05; done; busybox rm /go; exit 3';
    const workspace = await place.start('again', script, { restart: 'always' });
    const { session, ended } = place.follow({ kind: 'attach', workspace, interactive: false });
    await waitUntil('the session', () => session.accepted !== undefined);

    await place.hear({ kind: 'exec', workspace, command: ['sh', '-c', '>/go'] });

    assert.deepEqual(await ended, { kind: 'ended', exit: { code: 3, signal: undefined } });
  });

  test('an agent that ends says that its sessions are lost', async () => {
    const workspace = await place.start('ends', 'sleep 1000');
    const { ended, text } = place.follow({ kind: 'exec', workspace, command: ['sh', '-c', 'echo ready; sleep 1000'] });
    await waitUntil('the command', () => text() === 'ready\n');

    await place.restartAgent();

    await assert.rejects(ended, (error) => isAppError(error) && /its sessions with it/.test(error.message));
    assert.deepEqual((await place.hear({ kind: 'exec', workspace, command: ['echo', 'again'] })).output, 'again\n');
  });

  test('a workspace that is not there, not yet there or does not run is told apart', async () => {
    const declared = place.declare('declared');
    const ended = await place.start('ended', 'exit 4');
    await waitUntil('its end', async () => (await place.host.see('ended')).status === 'exited');
    const refused = (workspace: string, words: RegExp) =>
      assert.rejects(place.hear({ kind: 'exec', workspace, command: ['true'] }), (error) => {
        return isAppError(error) && words.test(error.message) && error.next !== undefined;
      });

    await refused('no-such', /this host has none of that name/);
    await refused(declared, /it is declared, and has no container yet/);
    await refused(ended, /it ended with exit code 4/);
  });
});

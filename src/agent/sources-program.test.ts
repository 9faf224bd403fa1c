import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { SessionsOnEngine, skip } from './suite-sessions.ts';

describe('programs of workspaces over an agent', { skip, concurrency: false, timeout: 120_000 }, () => {
  const place = new SessionsOnEngine();
  before(() => place.open());
  after(() => place.close());

  test('a command has its channels, environment, user, folder and exit code', async () => {
    const workspace = await place.start('exec', 'sleep 1000');
    const command = ['sh', '-c', 'echo "$A $(id -u) $(pwd)"; echo bad >&2; exit 7'];

    const heard = await place.hear({ kind: 'exec', workspace, command, env: ['A=b c'], user: '1234', workdir: '/bin' });

    assert.deepEqual(heard, {
      ...{ output: 'b c 1234 /bin\n', error: 'bad\n', notices: [] },
      outcome: { kind: 'ended', exit: { code: 7, signal: undefined } },
    });
  });

  test('input goes in to its end, and comes back whole', async () => {
    const workspace = await place.start('cat', 'sleep 1000');
    const input = Buffer.alloc(3_000_000, 'abcdefg');

    const { output } = await place.hear({ kind: 'exec', workspace, command: ['cat'], interactive: true }, input);

    assert.equal(output, input.toString());
  });
});

import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { pack } from 'tar-stream';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { SessionsOnEngine, skip } from './suite-sessions.ts';

const megabyte = 1024 * 1024;

async function tarOf(name: string, content: Buffer): Promise<Buffer> {
  const tar = pack();
  tar.entry({ name }, content);
  tar.finalize();
  return await buffer(tar);
}

describe('copies in and out of workspaces over an agent', { skip, concurrency: false, timeout: 120_000 }, () => {
  const place = new SessionsOnEngine();
  before(() => place.open());
  after(() => place.close());

  const shell = async (workspace: string, script: string) =>
    (await place.hear({ kind: 'exec', workspace, command: ['sh', '-c', script] })).output;

  test('a tar goes in and comes out as it is', async () => {
    const workspace = await place.start('whole', 'sleep 1000');
    const content = Buffer.alloc(3 * megabyte, 'abcdefg\n');

    const { outcome } = await place.hear({ kind: 'copy-in', workspace, path: '/' }, await tarOf('in/file', content));
    const { bytes } = await place.hear({ kind: 'copy-out', workspace, path: '/in/file' });

    assert.deepEqual(outcome, { kind: 'ended', exit: undefined });
    assert.equal(await shell(workspace, 'cat /in/file | head -c 8'), 'abcdefg\n');
    assert.ok(bytes.includes(content));
  });

  test('a container that ended can still be copied from', async () => {
    const workspace = await place.start('ended', 'echo kept >/file');
    await waitUntil('its end', async () => (await place.host.see('ended')).status === 'exited');

    assert.match((await place.hear({ kind: 'copy-out', workspace, path: '/file' })).output, /kept\n/);
  });

  test('what is not there, and what is no tar or breaks off amid one, is told and leaves nothing open', async () => {
    const workspace = await place.start('wrong', 'sleep 1000');
    const tar = await tarOf('file', Buffer.from('x'));
    const fails = (session: object, words: RegExp, input?: Buffer) =>
      assert.rejects(place.hear({ workspace, ...session }, input), (error) => {
        return isAppError(error) && words.test(error.message);
      });

    await fails({ kind: 'copy-out', path: '/no/such' }, /no\/such/);
    await fails({ kind: 'copy-in', path: '/no/such' }, /no\/such/, tar);
    await fails({ kind: 'copy-in', path: '/' }, /wrong/, Buffer.alloc(2 * megabyte, 'no tar'));
    // The beginning of one, and then none.
    const begun = Buffer.concat([tar.subarray(0, 512), Buffer.alloc(4 * megabyte, 'no tar')]);
    await fails({ kind: 'copy-in', path: '/' }, /wrong/, begun);
    await waitUntil('no session', () => place.openSessions === 0);
  });

  test('a copy that is still coming keeps nobody from its container, and one that is cut leaves nothing', async () => {
    const workspace = await place.start('cut', 'sleep 1000');
    const tar = await tarOf('file', Buffer.alloc(8 * megabyte, 'x'));
    const { session, cancel, ended } = place.call({ kind: 'copy-in', workspace, path: '/' });
    await session.write(tar.subarray(0, 4 * megabyte));

    assert.equal(await shell(workspace, 'echo alive'), 'alive\n');
    cancel();

    await assert.rejects(ended, { name: 'AbortError' });
    assert.equal(await shell(workspace, 'ls /file 2>/dev/null || echo none'), 'none\n');
    await waitUntil('no session', () => place.openSessions === 0);
  });
});

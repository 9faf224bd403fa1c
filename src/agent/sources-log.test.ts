import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { rawEngine } from '../../test/support/engine.ts';
import { waitUntil } from '../base/deadline.ts';
import { isAppError } from '../contracts/errors.ts';
import { found, SessionsOnEngine, skip } from './suite-sessions.ts';

const logs = (name: string, wish: object = {}) => ({ kind: 'logs', source: { of: 'workspace', name }, ...wish });

describe('logs of workspaces over an agent', { skip, concurrency: false, timeout: 120_000 }, () => {
  const place = new SessionsOnEngine();
  before(() => place.open());
  after(() => place.close());

  const endOf = (what: string) =>
    waitUntil('its end', async () => (await place.host.see(what)).status === 'exited', { timeoutMs: 20_000 });

  test('a log is read from where it is asked, with its channels and times', async () => {
    const name = await place.start('read', 'echo bad >&2; sleep 0.1; for n in 1 2 3; do echo "line $n"; done');
    await endOf('read');

    const { output, error } = await place.hear(logs(name));
    const timed = await place.hear(logs(name, { timestamps: true, tail: 1 }));

    assert.deepEqual({ output, error }, { output: 'line 1\nline 2\nline 3\n', error: 'bad\n' });
    assert.equal((await place.hear(logs(name, { tail: 2 }))).output, 'line 2\nline 3\n');
    assert.match(timed.output, /^\S+\.\d{9}Z line 3\n$/);
    const since = timed.output.split(' ')[0];
    assert.match((await place.hear(logs(name, { since }))).output, /line 3\n$/);
    assert.equal((await place.hear(logs(name, { since: new Date(Date.now() + 60_000).toISOString() }))).output, '');
  });

  test('a log is followed over restarts of its container, each line once', async () => {
    const script = 'read n </n; echo $((n+1)) >/n; for i in 1 2 3; do echo "life $((n+1)) line $i"; done; sleep 0.5';
    const name = await place.start('restarts', `[ -e /n ] || echo 0 >/n; ${script}`);
    const { text, cancel } = place.follow(logs(name, { follow: true }));
    await waitUntil('the first life', () => text().includes('life 1 line 3\n'));

    for (const life of [2, 3]) {
      await endOf('restarts');
      await place.engine.startContainer(name);
      await waitUntil('the next life', () => text().includes(`life ${life} line 3\n`));
    }

    const lines = [1, 2, 3].flatMap((life) => [1, 2, 3].map((line) => `life ${life} line ${line}\n`));
    assert.equal(text(), lines.join(''));
    cancel();
  });

  test('a log is followed into the container that an update puts in the place of the first', async () => {
    const name = await place.start('update', 'echo old; sleep 1000');
    const { text, notices, cancel } = place.follow(logs(name, { follow: true, tail: 1 }));
    await waitUntil('the old one', () => text() === 'old\n');

    await place.replace('update', 'echo new; sleep 1000');

    await waitUntil('the new one', () => text() === 'old\nnew\n');
    assert.match(notices.join(), /an update replaced the container/);
    cancel();
  });

  test('a log is followed over an engine that goes away, each line once', async () => {
    const script = 'i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo "line $i"; [ $((i%3)) = 0 ] && sleep 0.1; done';
    const name = await place.start('breaks', script);
    place.breaksLogs = true;
    const { text, cancel } = place.follow(logs(name, { follow: true }));

    await waitUntil('the last line', () => text().includes('line 60\n'), { timeoutMs: 30_000 });
    place.breaksLogs = false;
    cancel();

    assert.equal(text(), Array.from({ length: 60 }, (_, index) => `line ${index + 1}\n`).join(''));
  });

  test('a log of a terminal is followed as it is', async () => {
    const name = await place.start('terminal', 'stty size; echo word; sleep 1000', { tty: true });
    const { text, cancel } = place.follow(logs(name, { follow: true }));

    await waitUntil('its lines', () => text().endsWith('word\r\n'));
    cancel();
  });

  test('a log that ends with its workspace ends, and one that is not followed ends at once', async () => {
    const name = await place.start('gone', 'echo last');
    await endOf('gone');
    const { ended, text } = place.follow(logs(name, { follow: true }));
    await waitUntil('its line', () => text() === 'last\n');

    await place.remove('gone');

    assert.deepEqual(await ended, { kind: 'ended', exit: undefined });
  });

  test('a container whose log cannot be read says so', async () => {
    const raw = await rawEngine(found?.address ?? '');
    const container = await raw.createContainer({
      ...{ name: place.declare('unreadable'), Image: place.host.tag, Cmd: ['sleep', '1000'] },
      ...{ Labels: place.labelsOf('unreadable'), HostConfig: { LogConfig: { Type: 'none', Config: {} } } },
    });
    await container.start();

    await assert.rejects(place.hear(logs(place.host.named('unreadable'))), (error) => {
      return isAppError(error) && /log/.test(error.message) && /log driver/.test(error.next ?? '');
    });
  });
});

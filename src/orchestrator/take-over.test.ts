import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aDaemon, HeldExecutor, TestDaemon } from '../../test/support/daemon.ts';
import { waitUntil } from '../base/deadline.ts';

test('a daemon started while another is stopping takes over once that one ended', async (t) => {
  const first = await aDaemon(t);
  const runId = await first.submit('run-1', [{ id: 'a' }]);
  const attempt = await first.executor.attempt('a');
  // Its end is what the stopping daemon waits for.
  attempt.leave = () => undefined;
  const stopped = first.stop();
  await waitUntil('the sign to be taken down', async () => (await first.transport.presence()) === undefined);

  const second = new TestDaemon(first.folder, new HeldExecutor()).start();
  try {
    await waitUntil('the second daemon to wait', () =>
      second.lines.some((line) => line.includes('waiting for its end')),
    );
    attempt.end();
    await stopped;

    assert.equal((await second.ended(runId)).status, 'done');
  } finally {
    // Before the folder goes, which the first one's end removes.
    await second.stop();
  }
});

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { HeldExecutor, TestDaemon } from '../../test/support/daemon.ts';
import { waitUntil } from '../base/deadline.ts';
import { mailboxKeys } from '../contracts/mailbox.ts';
import { notReadyYet } from './presence.ts';

/** A daemon that is to end by itself. */
async function aDaemonAlone(t: TestContext): Promise<TestDaemon> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-daemon-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return new TestDaemon(folder, new HeldExecutor());
}

test('a daemon whose mailbox another takes while its workers are prepared ends and names it', async (t) => {
  const daemon = await aDaemonAlone(t);
  daemon.executor.describe = () => new Promise<string>(() => undefined);
  const { mailbox } = daemon.start().transport;
  const refused = assert.rejects(daemon.serving, { code: 'daemon-running', message: /process 7 on far/ });
  await waitUntil('its sign', async () => (await daemon.transport.presence())?.compute === notReadyYet);

  const other = {
    deploymentId: 'f'.repeat(32),
    pid: 7,
    host: 'far',
    startedAt: new Date().toISOString(),
    beatMs: 60_000,
  };
  const beat = () => {
    const sign = { ...other, beatAt: new Date().toISOString(), compute: 'none' };
    return mailbox.put(mailboxKeys.daemon, JSON.stringify(sign));
  };
  const beating = setInterval(() => void beat(), 500);
  t.after(() => clearInterval(beating));

  await refused;
});

test('a daemon that cannot say where its workers run takes its sign down as it ends', async (t) => {
  const daemon = await aDaemonAlone(t);
  daemon.executor.describe = () => Promise.reject(new Error('Cannot describe: a mistake'));

  await assert.rejects(daemon.start().serving, { message: 'Cannot describe: a mistake' });

  assert.equal(await daemon.transport.presence(), undefined);
});

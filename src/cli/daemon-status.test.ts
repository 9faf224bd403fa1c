import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { mailboxKeys } from '../contracts/mailbox.ts';
import { LocalDirMailbox } from '../mailbox/local-dir.ts';
import { MailboxSubmissionTransport } from '../orchestrator/submission-transport.ts';
import { printDaemon } from './daemon-status.ts';

const presence = {
  deploymentId: 'a'.repeat(32),
  pid: 1,
  host: hostname(),
  startedAt: '2026-01-01T00:00:00.000Z',
  beatMs: 200,
  compute: 'docker unix:///var/run/docker.sock',
};

test('a daemon that beats is named with its workers', async (t) => {
  const { transport, look } = await aMailbox(t);
  await transport.mailbox.put(mailboxKeys.daemon, JSON.stringify({ ...presence, beatAt: new Date().toISOString() }));

  assert.equal(
    await look(false),
    `daemon ${presence.deploymentId}: process 1 on ${hostname()} since ${presence.startedAt}; its workers: ${presence.compute}\n`,
  );
  assert.equal(JSON.parse(await look(true)).pid, 1);
});

test('a daemon that never was, or missed its beats, is not there', async (t) => {
  const { transport, look } = await aMailbox(t);

  await assert.rejects(look(false), {
    code: 'not-ready',
    message: 'Cannot find the daemon: none serves this mailbox',
    next: 'agora orch serve',
  });

  const beatAt = new Date(Date.now() - 60_000).toISOString();
  await transport.mailbox.put(mailboxKeys.daemon, JSON.stringify({ ...presence, beatAt }));
  await assert.rejects(look(true), {
    code: 'not-ready',
    message: `Cannot find the daemon: its last sign is of ${beatAt}`,
  });
});

test('a daemon on a machine whose clock is wrong is there as long as it beats', async (t) => {
  const { transport, look } = await aMailbox(t);
  let beats = 0;
  const beat = () => {
    const beatAt = new Date(Date.UTC(2020, 0, 1, 0, 0, beats++)).toISOString();
    return transport.mailbox.put(mailboxKeys.daemon, JSON.stringify({ ...presence, beatAt }));
  };
  await beat();
  const beating = setInterval(() => void beat(), presence.beatMs);
  t.after(() => clearInterval(beating));

  assert.match(await look(false), /^daemon a{32}: process 1 on/);
});

async function aMailbox(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'agora-sign-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const transport = new MailboxSubmissionTransport(new LocalDirMailbox(folder));
  const look = async (isJson: boolean) => {
    let printed = '';
    const write = async (text: string | Uint8Array) => {
      printed += text;
    };
    await printDaemon(transport, { write, isTerminal: false, columns: 80, rows: 24 }, isJson);
    return printed;
  };
  return { transport, look };
}

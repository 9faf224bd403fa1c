import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { waitUntil } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import { deploymentIdSchema } from '../contracts/ids.ts';
import { mailboxKeys } from '../contracts/mailbox.ts';
import { LocalDirMailbox } from '../mailbox/local-dir.ts';
import { isPresent, PresenceSign, readSign } from './presence.ts';

const deploymentId = deploymentIdSchema.parse('a'.repeat(32));

/** The sign of another daemon. */
function otherSign(beat: number, beatMs: number): string {
  const at = new Date(Date.UTC(2026, 0, 1, 0, 0, beat)).toISOString();
  const of = { deploymentId: 'f'.repeat(32), pid: 7, host: 'far', startedAt: '2026-01-01T00:00:00.000Z' };
  return JSON.stringify({ ...of, beatAt: at, beatMs, compute: 'none' });
}

async function aBeatingSign(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'agora-presence-'));
  const mailbox = new LocalDirMailbox(folder);
  const sign = new PresenceSign(mailbox, deploymentId);
  await sign.put();
  const first = await mailbox.get(mailboxKeys.daemon);
  const stop = new AbortController();
  const beating = sign.beat(stop.signal);
  beating.catch(() => undefined);
  t.after(async () => {
    stop.abort();
    await beating.catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
  });
  // From here on it looks at the mailbox after two seconds.
  await waitUntil('the first beat', async () => (await mailbox.get(mailboxKeys.daemon)) !== first);
  return { mailbox, sign, beating, stop };
}

test('a daemon whose sign another keeps replacing takes nothing any more and ends with the name of the other', async (t) => {
  const { mailbox, sign, beating } = await aBeatingSign(t);
  assert.equal(sign.isHeld(), true);

  await mailbox.put(mailboxKeys.daemon, otherSign(0, 60_000));
  await waitUntil('it to see the other', () => !sign.isHeld());
  await mailbox.put(mailboxKeys.daemon, otherSign(1, 60_000));

  await assert.rejects(beating, {
    code: 'daemon-running',
    message: 'Cannot go on: another daemon took this mailbox over: process 7 on far since 2026-01-01T00:00:00.000Z',
  });
  assert.match((await mailbox.get(mailboxKeys.daemon)) ?? '', /"pid":7/);
});

test('a late write of a daemon that is gone is written over once it stayed as it is', async (t) => {
  const { mailbox, sign } = await aBeatingSign(t);

  await mailbox.put(mailboxKeys.daemon, otherSign(0, 100));
  await waitUntil('it to see the other', () => !sign.isHeld());

  await waitUntil('its own sign', async () => readSign(await mailbox.get(mailboxKeys.daemon))?.pid === process.pid);
  assert.equal(sign.isHeld(), true);
});

test('a sign is taken down by the daemon that stops', async (t) => {
  const { mailbox, stop, beating } = await aBeatingSign(t);
  assert.equal(isPresent(readSign(await mailbox.get(mailboxKeys.daemon)), Date.now()), true);

  stop.abort();
  await beating;

  assert.equal(await mailbox.get(mailboxKeys.daemon), undefined);
});

test('a mailbox whose sign cannot be written is not held', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'agora-presence-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  let puts = 0;
  const put = async () => {
    puts += 1;
    throw new AppError('unreachable', 'Cannot write: the network is cut');
  };
  const sign = new PresenceSign(Object.assign(new LocalDirMailbox(folder), { put }), deploymentId);
  const stop = new AbortController();

  const beating = sign.beat(stop.signal);
  await waitUntil('a beat', () => puts > 0);

  assert.equal(sign.isHeld(), false);
  stop.abort();
  await beating;
});

test('a daemon beats once in three looks where its mailbox has to be asked', () => {
  const mailbox = new LocalDirMailbox('/nonexistent');
  const asked = Object.assign(new LocalDirMailbox('/nonexistent'), { pollMs: 10_000 });

  assert.equal(new PresenceSign(mailbox, deploymentId).beatMs, 2_000);
  assert.equal(new PresenceSign(asked, deploymentId).beatMs, 30_000);
});

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { type DeploymentId, deploymentIdSchema } from '../contracts/ids.ts';
import { mailboxKeys, type Presence } from '../contracts/mailbox.ts';
import { LocalDirMailbox } from '../mailbox/local-dir.ts';
import { claimMailbox, claimStep, type Rival } from './mailbox-claim.ts';
import { PresenceSign } from './presence.ts';

const ownKey = mailboxKeys.startingDaemon('m');

function idOf(letter: string): DeploymentId {
  return deploymentIdSchema.parse(letter.repeat(32));
}

function aSign(more: Partial<Presence> = {}): Presence {
  const at = '2026-01-01T00:00:00.000Z';
  const [deploymentId, host, compute] = [idOf('f'), 'far', 'none'];
  return { deploymentId, pid: 7, host, startedAt: at, beatAt: at, beatMs: 100, compute, ...more };
}

function aRival(key: string, more: Partial<Rival> = {}): Rival {
  return { key, presence: aSign(), hasBeaten: false, silentMs: 0, ...more };
}

interface Claimant {
  readonly lines: string[];
  readonly claimed: Promise<void>;
}

/** A mailbox, and daemons that beat once it is their own. */
async function aMailbox(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'agora-claim-'));
  const mailbox = new LocalDirMailbox(folder);
  const stop = new AbortController();
  const beating: Promise<void>[] = [];
  t.after(async () => {
    stop.abort();
    await Promise.all(beating);
    await rm(folder, { recursive: true, force: true });
  });
  const aClaimant = (deploymentId: DeploymentId): Claimant => {
    const sign = new PresenceSign(mailbox, deploymentId);
    const lines: string[] = [];
    const onLine = (line: string) => void lines.push(line);
    const claimed = claimMailbox({ mailbox, sign, deploymentId, signal: stop.signal, onLine }).then(() => {
      beating.push(sign.beat(stop.signal));
    });
    return { lines, claimed };
  };
  return { mailbox, aClaimant };
}

const serving = mailboxKeys.daemon;
const [earlier, later] = [mailboxKeys.startingDaemon('a'), mailboxKeys.startingDaemon('z')];
const cases: readonly (readonly [string, readonly Rival[], ReturnType<typeof claimStep>['kind']])[] = [
  ['nobody else is there', [], 'take'],
  ['another serves and lives', [aRival(serving, { hasBeaten: true, silentMs: 299 })], 'leave'],
  ['nobody knows whether the one that serves lives', [aRival(serving)], 'wait'],
  ['the one that serves is silent', [aRival(serving, { silentMs: 300 })], 'take'],
  ['the one that served has beaten, but not since', [aRival(serving, { hasBeaten: true, silentMs: 300 })], 'take'],
  ['one that comes first is starting', [aRival(earlier)], 'withdraw'],
  ['one that comes later is starting', [aRival(later)], 'wait'],
  ['one that comes first never went on', [aRival(earlier, { silentMs: 300 })], 'take'],
  [
    'one that comes first is starting, and another lives',
    [aRival(earlier), aRival(serving, { hasBeaten: true })],
    'leave',
  ],
];
for (const [what, rivals, kind] of cases) {
  test(`when ${what}: ${kind}`, () => assert.equal(claimStep(rivals, ownKey).kind, kind));
}

test('of daemons with other state that start at once on one mailbox one serves, and the others name it', async (t) => {
  const { mailbox, aClaimant } = await aMailbox(t);

  const claimants = ['a', 'b', 'c', 'd'].map((letter) => aClaimant(idOf(letter)));
  const outcomes = await Promise.allSettled(claimants.map(({ claimed }) => claimed));

  const refusals = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
  assert.equal(refusals.length, 3);
  for (const refusal of refusals) {
    assert.ok(isAppError(refusal, 'daemon-running'));
    assert.match(
      refusal.message,
      new RegExp(`^Cannot serve: another daemon has this mailbox: process ${process.pid} on`),
    );
  }
  assert.deepEqual(await mailbox.list(mailboxKeys.starting), []);
});

test('a daemon that died is waited for and then followed, and what it left while starting is cleared', async (t) => {
  const { mailbox, aClaimant } = await aMailbox(t);
  await mailbox.put(mailboxKeys.daemon, JSON.stringify(aSign()));
  await mailbox.put(earlier, JSON.stringify(aSign({ pid: 8 })));

  const { claimed, lines } = aClaimant(idOf('a'));
  await claimed;

  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /^another daemon has this mailbox, process 8 on far since .*; looking for up to 1 s/);
  assert.deepEqual(await mailbox.list(mailboxKeys.starting), []);
});

test('what a daemon left that was killed while it started is waited for once, not by each that starts later', async (t) => {
  const { mailbox, aClaimant } = await aMailbox(t);
  const deploymentId = idOf('a');
  await mailbox.put(earlier, JSON.stringify(aSign()));
  const [sign, signal] = [new PresenceSign(mailbox, deploymentId), new AbortController().signal];
  await claimMailbox({ mailbox, sign, deploymentId, signal, onLine: () => undefined });

  const { claimed, lines } = aClaimant(deploymentId);
  await claimed;

  assert.deepEqual(lines, []);
});

test('what an earlier daemon of the same state left, or anyone else, is of no account', async (t) => {
  const { mailbox, aClaimant } = await aMailbox(t);
  const slow = { deploymentId: idOf('a'), beatMs: 3_600_000 };
  await mailbox.put(mailboxKeys.daemon, JSON.stringify(aSign(slow)));
  await mailbox.put(earlier, JSON.stringify(aSign(slow)));
  await mailbox.put(later, 'no sign');

  const { claimed, lines } = aClaimant(idOf('a'));
  await claimed;

  assert.deepEqual(lines, []);
  assert.deepEqual(await mailbox.list(mailboxKeys.starting), []);
});

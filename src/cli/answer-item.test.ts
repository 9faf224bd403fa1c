import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { artifactRef, deploymentIdSchema, digestSchema, dispatchIdSchema, runIdSchema } from '../contracts/ids.ts';
import { mailboxKeys, type Presence } from '../contracts/mailbox.ts';
import { type ItemView, itemViewSchema } from '../contracts/status.ts';
import { LocalDirMailbox } from '../mailbox/local-dir.ts';
import { MailboxSubmissionTransport } from '../orchestrator/submission-transport.ts';
import { answerItem } from './answer-item.ts';
import type { Output } from './output.ts';

const runId = runIdSchema.parse('run-1');
const at = '2026-01-01T00:00:00.000Z';
const dispatchId = dispatchIdSchema.parse(`d-${'a'.repeat(26)}`);
const ref = artifactRef('default', dispatchId, digestSchema.parse(`sha256:${'1'.repeat(64)}`));
const question = { dispatchId, question: 'Which?', ref };
const given = { runId, question, answer: 'red', actor: 'human:second' };

function anItem(more: object): ItemView {
  return itemViewSchema.parse({ id: 'wall', status: 'waiting', attempt: 1, blockedBy: [], ...more });
}

/** A mailbox in which a daemon shows itself, with these statuses of the one item. */
async function aTransport(t: TestContext, items: readonly ItemView[]): Promise<MailboxSubmissionTransport> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-answer-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const mailbox = new LocalDirMailbox(folder);
  for (const [sequence, item] of items.entries()) {
    const status = { runId, status: 'running', at, items: [item] };
    await mailbox.put(mailboxKeys.status(runId, sequence), JSON.stringify(status));
  }
  const presence: Presence = {
    deploymentId: deploymentIdSchema.parse('a'.repeat(32)),
    pid: 1,
    host: 'here',
    startedAt: at,
    beatAt: new Date().toISOString(),
    beatMs: 60_000,
    compute: 'nothing',
  };
  await mailbox.put(mailboxKeys.daemon, JSON.stringify(presence));
  return new MailboxSubmissionTransport(mailbox);
}

function collected(stop: AbortSignal = new AbortController().signal) {
  const texts: string[] = [];
  const write = async (content: string | Uint8Array) => void texts.push(String(content));
  const stderr: Output = { write, isTerminal: false, columns: 80, rows: 24 };
  return { stderr, stop, texts };
}

test('who answers is told that another was first, also when that was between question and answer', async (t) => {
  const asked = anItem({ question });
  const transport = await aTransport(t, [
    asked,
    anItem({ status: 'running', attempt: 2, answered: { actor: 'human:first', at } }),
  ]);

  await assert.rejects(
    answerItem({ transport }, { ...given, item: asked }, collected()),
    (error) => isAppError(error, 'refused') && error.message.endsWith('human:first was first'),
  );
});

test('an answer to an item that was cancelled meanwhile is refused', async (t) => {
  const asked = anItem({ question });
  const transport = await aTransport(t, [asked, anItem({ status: 'cancelled' })]);

  await assert.rejects(
    answerItem({ transport }, { ...given, item: asked }, collected()),
    (error) => isAppError(error, 'refused') && error.message.endsWith('it is cancelled'),
  );
});

test('who waits no longer for the verdict is told how to see it', async (t) => {
  const asked = anItem({ question });
  const transport = await aTransport(t, [asked]);
  const context = collected(AbortSignal.abort());

  await answerItem({ transport }, { ...given, item: asked }, context);

  assert.deepEqual(context.texts, ['agora: the answer is sent; see it taken with: agora orch watch run-1\n']);
});

test('an answer that looks like a credential is not handed on', async (t) => {
  const asked = anItem({ question });
  const transport = await aTransport(t, [asked]);
  const answer = `AKIA${'IOSFODNN7ABCDEFG'}`;

  await assert.rejects(
    answerItem({ transport }, { ...given, answer, item: asked }, collected(AbortSignal.abort())),
    (error) =>
      isAppError(error, 'refused') && error.message === 'Cannot answer: the answer looks like an AWS access key id',
  );
  assert.deepEqual(await transport.mailbox.list('orchestrator/control/'), []);
});

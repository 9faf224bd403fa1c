import assert from 'node:assert/strict';
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { deploymentId } from '../../test/support/board.ts';
import { waitUntil } from '../base/deadline.ts';
import { digestOf } from '../base/hash.ts';
import { AppError } from '../contracts/errors.ts';
import { digestSchema, runIdSchema } from '../contracts/ids.ts';
import { mailboxKeys } from '../contracts/mailbox.ts';
import { formats } from '../contracts/names.ts';
import { LocalDirMailbox } from '../mailbox/local-dir.ts';
import { LocalStorage } from '../storage/local.ts';
import { answerText } from './answer-text.ts';
import { EventQueue } from './event-queue.ts';
import { Inbox } from './inbox.ts';
import type { LoopEvent } from './loop-event.ts';
import { ReportedMailbox } from './reported-mailbox.ts';
import { SqliteRunStateStore } from './run-store-sqlite.ts';

const at = '2026-01-01T00:00:00.000Z';

function submissionOf(id: string): string {
  const plan = { id, items: [{ id: 'a', executor: 'held' }] };
  return JSON.stringify({ format: formats.submission, plan, actor: 'human:test', submittedAt: at });
}

/** A mailbox into which someone else writes while the first message is being read. */
class BusyMailbox extends LocalDirMailbox {
  whileReading: (() => Promise<void>) | undefined;

  override async get(key: string): Promise<string | undefined> {
    const meanwhile = this.whileReading;
    this.whileReading = undefined;
    await meanwhile?.();
    return super.get(key);
  }
}

interface OpenInbox {
  readonly mailbox: BusyMailbox;
  readonly storage: LocalStorage;
  readonly events: EventQueue<LoopEvent>;
  /** What it said. */
  readonly lines: readonly string[];
  /** Starts to take messages; the test's end ends it. */
  start(): void;
}

async function openInbox(t: TestContext): Promise<OpenInbox> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-inbox-'));
  const store = new SqliteRunStateStore({ file: join(folder, 'state.db') });
  await store.open(deploymentId);
  const mailbox = new BusyMailbox(join(folder, 'mailbox'));
  const storage = new LocalStorage({ root: join(folder, 'storage') });
  const events = new EventQueue<LoopEvent>();
  const declarations = {
    queues: { default: {} },
    executors: ['held'],
    targets: [],
    subagents: {},
    enforceLocks: false,
    defaults: {},
  };
  const lines: string[] = [];
  const onLine = (line: string) => void lines.push(line);
  const reported = new ReportedMailbox(mailbox, onLine);
  const inbox = new Inbox({ mailbox: reported, mayTake: () => true, store, storage, declarations, events, onLine });
  const stop = new AbortController();
  let reading: Promise<void> | undefined;
  t.after(async () => {
    stop.abort();
    await reading;
    await store.close();
    await rm(folder, { recursive: true, force: true });
  });
  const start = () => {
    reading = inbox.run(stop.signal);
  };
  return { mailbox, storage, events, lines, start };
}

test('a run and its cancel that arrive while another run is read are taken in that order', async (t) => {
  const { mailbox, events, start } = await openInbox(t);
  const [first, late] = [runIdSchema.parse('first'), runIdSchema.parse('late')];
  await mailbox.put(mailboxKeys.submission(first, 'x'), submissionOf(first));
  mailbox.whileReading = async () => {
    await mailbox.put(mailboxKeys.submission(late, 'x'), submissionOf(late));
    const cancel = { kind: 'cancel', runId: late, actor: 'human:test', at };
    await mailbox.put(mailboxKeys.controlMessage(late, 'c'), JSON.stringify(cancel));
  };
  start();

  const seen: string[] = [];
  await waitUntil('all three messages', () => {
    for (const event of events.drain()) {
      if (event.kind === 'submitted') seen.push(`run ${event.run.plan.id}`);
      else if (event.kind === 'cancel') seen.push(`cancel ${event.runId}`);
    }
    return seen.length === 3;
  });

  assert.deepEqual(seen, ['run first', 'run late', 'cancel late']);
});

test('an answer that looks like a credential is told of, kept nowhere, and holds up no other', async (t) => {
  const { mailbox, storage, events, lines, start } = await openInbox(t);
  const run = runIdSchema.parse('first');
  const secret = `ghp_${'a1'.repeat(18)}`;
  const given = { kind: 'answer', runId: run, actor: 'human:test', at } as const;
  const bad = { ...given, itemId: 'a', answer: { login: { token: secret } } };
  await mailbox.put(mailboxKeys.controlMessage(run, 'bad'), JSON.stringify(bad));
  await mailbox.put(mailboxKeys.controlMessage(run, 'good'), JSON.stringify({ ...given, itemId: 'b', answer: 'yes' }));
  start();

  const seen: LoopEvent[] = [];
  await waitUntil('the other answer', () => {
    seen.push(...events.drain());
    return seen.length > 0;
  });

  assert.deepEqual(
    seen.map((event) => event.kind === 'answer' && event.itemId),
    ['b'],
  );
  const state = 'the answer.login.token looks like a GitHub token';
  assert.deepEqual(lines, [`run first: the answer of human:test to "a" is not taken: ${state}`]);
  assert.equal(await mailbox.get(mailboxKeys.controlMessage(run, 'bad')), undefined);
  assert.equal(await storage.statBlob(digestSchema.parse(digestOf(answerText(bad)))), undefined);
});

test('a submission that was damaged since it was sent is rejected and holds up no other', async (t) => {
  const { mailbox, events, start } = await openInbox(t);
  const [bad, good] = [runIdSchema.parse('bad'), runIdSchema.parse('good')];
  for (const runId of [bad, good]) await mailbox.put(mailboxKeys.submission(runId, 'x'), submissionOf(runId));
  mailbox.whileReading = async () => {
    throw new AppError('artifact-mismatch', 'Cannot read it: its bytes are not those that were stored');
  };
  start();

  const taken = await waitUntil('the run', () => events.drain().find((event) => event.kind === 'submitted'));
  assert.equal(taken.run.plan.id, good);
  assert.match((await mailbox.get(mailboxKeys.rejected(bad))) ?? '', /its bytes are not those that were sent/);
});

test('a plan that somebody writes by hand is taken whole, however often it is looked at meanwhile', async (t) => {
  const { mailbox, events, start } = await openInbox(t);
  const runId = runIdSchema.parse('by-hand');
  const text = submissionOf(runId);
  const file = join(mailbox.root, mailboxKeys.submission(runId, 'x'));
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text.slice(0, 40));
  start();

  for (const id of ['1', '2', '3']) {
    const key = mailboxKeys.controlMessage(runId, id);
    await mailbox.put(key, 'makes it look again');
    await waitUntil('the look', async () => (await mailbox.get(key)) === undefined);
  }
  await appendFile(file, text.slice(40));

  const taken = await waitUntil('the run', () => events.drain().find((event) => event.kind === 'submitted'));
  assert.equal(taken.run.plan.id, runId);
});

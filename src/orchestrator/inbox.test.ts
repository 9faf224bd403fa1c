import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { deploymentId } from '../../test/support/board.ts';
import { waitUntil } from '../base/deadline.ts';
import { runIdSchema } from '../contracts/ids.ts';
import { mailboxKeys } from '../contracts/mailbox.ts';
import { formats } from '../contracts/names.ts';
import { LocalDirMailbox } from '../mailbox/local-dir.ts';
import { LocalStorage } from '../storage/local.ts';
import { EventQueue } from './event-queue.ts';
import { Inbox } from './inbox.ts';
import type { LoopEvent } from './loop-event.ts';
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

test('a run and its cancel that arrive while another run is read are taken in that order', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'agora-inbox-'));
  const store = new SqliteRunStateStore({ file: join(folder, 'state.db') });
  await store.open(deploymentId);
  const stop = new AbortController();
  t.after(async () => {
    stop.abort();
    await store.close();
    await rm(folder, { recursive: true, force: true });
  });
  const mailbox = new BusyMailbox(join(folder, 'mailbox'));
  const [first, late] = [runIdSchema.parse('first'), runIdSchema.parse('late')];
  await mailbox.put(mailboxKeys.submission(first, 'x'), submissionOf(first));
  mailbox.whileReading = async () => {
    await mailbox.put(mailboxKeys.submission(late, 'x'), submissionOf(late));
    const cancel = { kind: 'cancel', runId: late, actor: 'human:test', at };
    await mailbox.put(mailboxKeys.controlMessage(late, 'c'), JSON.stringify(cancel));
  };
  const events = new EventQueue<LoopEvent>();
  const declarations = {
    queues: { default: {} },
    executors: ['held'],
    targets: [],
    subagents: {},
    enforceLocks: false,
    defaults: {},
  };
  const storage = new LocalStorage({ root: join(folder, 'storage') });
  const reading = new Inbox({ mailbox, store, storage, declarations, events, onLine: () => undefined }).run(
    stop.signal,
  );

  const seen: string[] = [];
  await waitUntil('all three messages', () => {
    for (const event of events.drain()) {
      if (event.kind === 'submitted') seen.push(`run ${event.run.plan.id}`);
      else if (event.kind === 'cancel') seen.push(`cancel ${event.runId}`);
    }
    return seen.length === 3;
  });

  assert.deepEqual(seen, ['run first', 'run late', 'cancel late']);
  stop.abort();
  await reading;
});

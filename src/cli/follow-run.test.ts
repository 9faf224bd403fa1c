import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { AppError } from '../contracts/errors.ts';
import { runIdSchema } from '../contracts/ids.ts';
import { mailboxKeys } from '../contracts/mailbox.ts';
import type { RunStatus } from '../contracts/run.ts';
import { LocalDirMailbox } from '../mailbox/local-dir.ts';
import type { MailboxListOptions } from '../mailbox/mailbox.ts';
import { MailboxSubmissionTransport } from '../orchestrator/submission-transport.ts';
import { followRun, type RunEvent } from './follow-run.ts';

const root = await mkdtemp(join(tmpdir(), 'agora-follow-'));
after(() => rm(root, { recursive: true, force: true }));

const runId = runIdSchema.parse('run-1');
let counter = 0;

/** A mailbox of its own, with the daemon's hand in it. */
function aMailbox() {
  counter += 1;
  const mailbox = new LocalDirMailbox(join(root, String(counter)));
  const publish = (sequence: number, status: RunStatus) =>
    mailbox.put(
      mailboxKeys.status(runId, sequence),
      JSON.stringify({ runId, status, at: '2026-01-01T00:00:00.000Z', items: [] }),
    );
  return { mailbox, publish, transport: new MailboxSubmissionTransport(mailbox) };
}

function nameOf(event: RunEvent): string {
  return event.kind === 'status' ? event.record.status : event.kind;
}

async function collect(events: AsyncIterable<RunEvent>, onEvent: (name: string) => Promise<void> = async () => {}) {
  const names: string[] = [];
  for await (const event of events) {
    names.push(nameOf(event));
    await onEvent(nameOf(event));
  }
  return names;
}

const untilDone = () => AbortSignal.timeout(20_000);

test('a late watcher gets every record from the first, and ends with the last', async () => {
  const { transport, publish } = aMailbox();
  await publish(1, 'queued');
  await publish(2, 'running');
  await publish(3, 'done');

  assert.deepEqual(await collect(followRun(transport, runId, untilDone())), ['queued', 'running', 'done']);
});

test('of the records that are there at once the last is marked as the latest', async () => {
  const { transport, publish } = aMailbox();
  await publish(1, 'queued');
  await publish(2, 'done');

  const marks: (boolean | undefined)[] = [];
  for await (const event of followRun(transport, runId, untilDone())) {
    marks.push(event.kind === 'status' ? event.isLatest : undefined);
  }

  assert.deepEqual(marks, [false, true]);
});

test('records are given as they come, each once', async () => {
  const { transport, publish } = aMailbox();
  await publish(1, 'queued');
  let isPublished = false;

  const names = await collect(followRun(transport, runId, untilDone()), async (name) => {
    if (name !== 'queued' || isPublished) return;
    isPublished = true;
    await publish(2, 'running');
    await publish(3, 'failed');
  });

  assert.deepEqual(
    names.filter((name) => name !== 'quiet'),
    ['queued', 'running', 'failed'],
  );
});

test('a rejected run ends with its problems', async () => {
  const { transport, mailbox } = aMailbox();
  const problems = [{ path: 'items[0].id', message: 'is missing' }];
  await mailbox.put(
    mailboxKeys.rejected(runId),
    JSON.stringify({ runId, rejectedAt: '2026-01-01T00:00:00.000Z', problems }),
  );

  const events: RunEvent[] = [];
  for await (const event of followRun(transport, runId, untilDone())) events.push(event);

  assert.deepEqual(events, [{ kind: 'rejected', problems }]);
});

test('an old rejection does not count while a corrected plan waits in the inbox', async () => {
  const { transport, mailbox, publish } = aMailbox();
  await mailbox.put(
    mailboxKeys.rejected(runId),
    JSON.stringify({ runId, rejectedAt: '2026-01-01T00:00:00.000Z', problems: [] }),
  );
  await mailbox.put(mailboxKeys.submission(runId, 'ab'), '{}');

  const names = await collect(followRun(transport, runId, untilDone()), async (name) => {
    if (name === 'quiet') await publish(1, 'done');
  });

  assert.equal(names[0], 'quiet');
  assert.equal(names.at(-1), 'done');
});

/** A mailbox that cannot be reached while the test says so. */
class AwayMailbox extends LocalDirMailbox {
  isAway = false;

  override async list(prefix: string, options?: MailboxListOptions): Promise<string[]> {
    if (this.isAway) throw new AppError('unreachable', 'Cannot list messages: no answer');
    return super.list(prefix, options);
  }
}

test('a watcher outlasts a mailbox that goes and comes back, and misses nothing', async () => {
  const { mailbox, publish } = aMailbox();
  const away = new AwayMailbox(mailbox.root);
  await publish(1, 'running');

  const events = followRun(new MailboxSubmissionTransport(away), runId, untilDone());
  const names = await collect(events, async (name) => {
    away.isAway = name === 'running';
    if (name === 'running') await publish(2, 'done');
  });

  assert.deepEqual(names, ['running', 'unreachable', 'done']);
});

test('a mailbox that never was there is not waited for', async () => {
  const { mailbox } = aMailbox();
  const away = new AwayMailbox(mailbox.root);
  away.isAway = true;

  const events = followRun(new MailboxSubmissionTransport(away), runId, untilDone());

  await assert.rejects(collect(events), { code: 'unreachable' });
});

test('a run nobody submitted is quiet until the watcher gives up', async () => {
  const { transport } = aMailbox();
  const stop = new AbortController();
  const events: RunEvent[] = [];

  for await (const event of followRun(transport, runId, stop.signal)) {
    events.push(event);
    stop.abort();
  }

  assert.deepEqual(events, [{ kind: 'quiet', isSubmitted: false }]);
});

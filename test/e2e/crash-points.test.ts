import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { readTrustFile } from '../../src/audit/trust.ts';
import { verifyBundle } from '../../src/audit/verify/verify.ts';
import { waitUntil } from '../../src/base/deadline.ts';
import { undefinedIfMissing } from '../../src/base/missing-file.ts';
import { runIdSchema } from '../../src/contracts/ids.ts';
import { mailboxKeys } from '../../src/contracts/mailbox.ts';
import { formats } from '../../src/contracts/names.ts';
import { isTerminalRun } from '../../src/contracts/run.ts';
import { LocalDirMailbox } from '../../src/mailbox/local-dir.ts';
import { MailboxSubmissionTransport } from '../../src/orchestrator/submission-transport.ts';

const daemonFile = join(import.meta.dirname, '../support/crash-daemon.ts');
const runId = runIdSchema.parse('crashed');
const kills = 15;
/** A slow machine needs more of them until some daemons were killed at work. */
const mostKills = 60;
/** Every other daemon is killed within this time of its start, the others within the shorter one of its first words. */
const lifeMs = { started: 400, serving: 80 };

test('a daemon killed at any moments leaves a run that completes with one seal, one history and an empty inbox', async (t) => {
  const folder = await folderFor(t);
  const transport = new MailboxSubmissionTransport(new LocalDirMailbox(join(folder, 'mailbox')));
  const items = chains({ count: 120, length: 6 });
  const random = randomFrom(Number(process.env['AGORA_TEST_SEED'] ?? 20_261_121));

  await submit(transport, items);
  const isEnough = async (kill: number) => kill >= kills && (await daemonsThatWorked(folder)).size > 3;
  for (let kill = 0; kill < mostKills && !(await isEnough(kill)); kill++) {
    const isServing = kill % 2 === 1;
    await liveFor(folder, isServing, random() * (isServing ? lifeMs.serving : lifeMs.started));
  }
  const last = startDaemon(folder);
  t.after(() => last.kill('SIGKILL'));
  const status = await waitUntil('the end of the run', () => terminalStatus(transport), { timeoutMs: 60_000 });
  await waitUntil('an empty inbox', async () => (await transport.mailbox.list(mailboxKeys.submissions)).length === 0);
  last.kill('SIGTERM');
  await once(last, 'exit');

  assert.equal(status, 'done');
  assert.ok((await daemonsThatWorked(folder)).size > 3, 'the kills came while there was work');
  assert.deepEqual(await startedTwice(folder), [], 'every attempt began once, and never beside another of its item');
  await assertOneSeal(folder, transport);
  await assertOneHistory(transport, items.length);
});

test('questions and answers survive daemons killed at any moments, and each question is answered once', async (t) => {
  const folder = await folderFor(t);
  const transport = new MailboxSubmissionTransport(new LocalDirMailbox(join(folder, 'mailbox')));
  const items = Array.from({ length: 20 }, (_, index) => [
    { id: `ask-${index}`, executor: 'stamped', retry: { lostAttempts: 100, delaySeconds: 0 } },
    { id: `then-${index}`, executor: 'stamped', depends_on: [`ask-${index}`], retry: { lostAttempts: 100 } },
  ]).flat();
  const random = randomFrom(Number(process.env['AGORA_TEST_SEED'] ?? 20_261_121));
  const over = new AbortController();

  await submit(transport, items);
  const answering = answerAll(transport, over.signal);
  for (let kill = 0; kill < kills; kill++) {
    const isServing = kill % 2 === 1;
    await liveFor(folder, isServing, random() * (isServing ? lifeMs.serving : lifeMs.started));
  }
  const last = startDaemon(folder);
  t.after(() => last.kill('SIGKILL'));
  const status = await waitUntil('the end of the run', () => terminalStatus(transport), { timeoutMs: 60_000 });
  over.abort();
  const asked = await answering;
  await waitUntil('no message left', async () => (await transport.mailbox.list(mailboxKeys.control)).length === 0);
  last.kill('SIGTERM');
  await once(last, 'exit');

  assert.equal(status, 'done');
  assert.ok(asked >= 20);
  assert.deepEqual(await startedTwice(folder), []);
  await assertOneSeal(folder, transport);
  const { auditLog } = JSON.parse((await transport.auditText(runId)) ?? '{}');
  const counts = (kind: string, outcome?: string) =>
    auditLog.entries.filter(
      (entry: { readonly kind: string; readonly body: { readonly outcome?: string } }) =>
        entry.kind === kind && entry.body.outcome === outcome,
    ).length;
  assert.equal(counts('item.answered'), counts('item.result', 'needs-input'));
});

test('a daemon killed between seal and publication leaves the one seal that the next one publishes', async (t) => {
  const folder = await folderFor(t);
  const transport = new MailboxSubmissionTransport(new LocalDirMailbox(join(folder, 'mailbox')));
  const inTheWay = join(folder, 'mailbox', mailboxKeys.audit(runId));
  await mkdir(inTheWay, { recursive: true });
  await submit(transport, chains({ count: 2, length: 2 }));
  const first = startDaemon(folder);
  t.after(() => first.kill('SIGKILL'));

  const sealed = await waitUntil('the seal', () => sealsIn(folder)[0], { timeoutMs: 30_000 });
  first.kill('SIGKILL');
  await once(first, 'exit');
  const published = [await transport.auditText(runId), await terminalStatus(transport)];
  await rmdir(inTheWay);
  const second = startDaemon(folder);
  t.after(() => second.kill('SIGKILL'));
  await waitUntil('the end of the run', () => terminalStatus(transport), { timeoutMs: 30_000 });
  second.kill('SIGTERM');
  await once(second, 'exit');

  assert.deepEqual(published, [undefined, undefined]);
  assert.deepEqual(sealsIn(folder), [sealed]);
  await assertOneSeal(folder, transport);
});

/** Lines of items, each after the one before it. */
function chains({ count, length }: { readonly count: number; readonly length: number }) {
  return Array.from({ length: count }, (_, index) => ({
    id: `item-${index}`,
    executor: 'stamped',
    depends_on: index % length === 0 ? [] : [`item-${index - 1}`],
    retry: { lostAttempts: 100, delaySeconds: 0 },
  }));
}

async function submit(transport: MailboxSubmissionTransport, items: readonly object[]): Promise<void> {
  const plan = { id: runId, items };
  const submission = { format: formats.submission, plan, actor: 'human:test', submittedAt: new Date().toISOString() };
  await transport.mailbox.put(mailboxKeys.submission(runId, 'test'), JSON.stringify(submission));
}

/** Answers each question that shows in a status, twice; resolves to how many there were. */
async function answerAll(transport: MailboxSubmissionTransport, signal: AbortSignal): Promise<number> {
  const answered = new Set<string>();
  let after: string | undefined;
  for await (const _ of transport.mailbox.watch(mailboxKeys.statuses(runId), signal)) {
    for (const key of await transport.statusKeys(runId, after)) {
      after = key;
      for (const { id, question } of (await transport.statusAt(key)).items) {
        if (question === undefined || answered.has(question.dispatchId)) continue;
        answered.add(question.dispatchId);
        const { dispatchId } = question;
        const at = new Date().toISOString();
        const control = {
          kind: 'answer',
          runId,
          itemId: id,
          dispatchId,
          answer: 'yes',
          actor: 'human:test',
          at,
        } as const;
        await Promise.all([
          transport.control(`${dispatchId}.1`, control),
          transport.control(`${dispatchId}.2`, control),
        ]);
      }
    }
  }
  return answered.size;
}

function startDaemon(folder: string) {
  // Its lines are few: they fit into the pipe.
  const words = ['--disable-warning=ExperimentalWarning', daemonFile, folder];
  return spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function liveFor(folder: string, isServing: boolean, ms: number): Promise<void> {
  const daemon = startDaemon(folder);
  const ended = once(daemon, 'exit');
  if (isServing) await Promise.race([once(daemon.stdout, 'data'), ended]);
  await pause(ms);
  daemon.kill('SIGKILL');
  const [, signal] = await ended;
  assert.equal(signal, 'SIGKILL', 'no daemon gave up by itself');
}

async function terminalStatus(transport: MailboxSubmissionTransport) {
  const key = (await transport.statusKeys(runId)).at(-1);
  const status = key === undefined ? undefined : (await transport.statusAt(key)).status;
  return status !== undefined && isTerminalRun(status) ? status : undefined;
}

async function daemonsThatWorked(folder: string): Promise<Set<string | undefined>> {
  const stamps = (await undefinedIfMissing(readFile(join(folder, 'stamps'), 'utf8')))?.trim().split('\n') ?? [];
  return new Set(stamps.map((line) => line.split(' ')[3]));
}

/** Attempts that began twice, and those that began while one of their item was under way in the same daemon. */
async function startedTwice(folder: string): Promise<string[]> {
  const wrong: string[] = [];
  const begun = new Set<string>();
  const underWay = new Map<string, string>();
  for (const line of (await readFile(join(folder, 'stamps'), 'utf8')).trim().split('\n')) {
    const [kind, item = '', attempt, daemon = ''] = line.split(' ');
    if (kind === 'end') underWay.delete(item);
    else {
      if (begun.has(`${item} ${attempt}`) || underWay.get(item) === daemon) wrong.push(line);
      begun.add(`${item} ${attempt}`);
      underWay.set(item, daemon);
    }
  }
  return wrong;
}

async function assertOneSeal(folder: string, transport: MailboxSubmissionTransport): Promise<void> {
  const text = (await transport.auditText(runId)) ?? '';
  const report = await verifyBundle(text, { trust: await readTrustFile(join(folder, 'trust.json')) });
  assert.equal(report.intact, true, JSON.stringify(report));
  assert.equal(sealsIn(folder).length, 1);
  assert.deepEqual(rowsOf(folder, 'SELECT phase FROM runs'), ['published']);
}

function sealsIn(folder: string): unknown[] {
  return rowsOf(folder, 'SELECT seal FROM seals');
}

/** The first column of each row; none while there is no such table. */
function rowsOf(folder: string, query: string): unknown[] {
  const file = join(folder, 'state.db');
  if (!existsSync(file)) return [];
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return database
      .prepare(query)
      .all()
      .map((row) => Object.values(row)[0]);
  } catch {
    // The daemon is just making it.
    return [];
  } finally {
    database.close();
  }
}

/** Status files without a gap, in which nothing ever goes back: a watcher sees one story. */
async function assertOneHistory(transport: MailboxSubmissionTransport, itemCount: number): Promise<void> {
  const keys = await transport.statusKeys(runId);
  assert.deepEqual(
    keys,
    keys.map((_, sequence) => mailboxKeys.status(runId, sequence)),
  );
  const records = await Promise.all(keys.map((key) => transport.statusAt(key)));
  assert.deepEqual(records.map(({ status }) => isTerminalRun(status)).indexOf(true), records.length - 1);
  const attempts = new Map<string, number>();
  const done = new Set<string>();
  for (const { id, status, attempt } of records.flatMap(({ items }) => items)) {
    assert.ok(attempt >= (attempts.get(id) ?? 0), `"${id}" goes back from attempt ${attempts.get(id)} to ${attempt}`);
    assert.ok(status === 'done' || !done.has(id), `"${id}" was done and is ${status}`);
    attempts.set(id, attempt);
    if (status === 'done') done.add(id);
  }
  assert.equal(done.size, itemCount);
}

/** Numbers in [0, 1) that a seed decides: mulberry32. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-crash-'));
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

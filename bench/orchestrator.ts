import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalAnchor } from '../src/audit/local-anchor.ts';
import { createLocalSigner } from '../src/audit/local-signer.ts';
import { withDeadline } from '../src/base/deadline.ts';
import { mailboxKeys } from '../src/contracts/mailbox.ts';
import { formats } from '../src/contracts/names.ts';
import { isTerminalRun } from '../src/contracts/run.ts';
import { LocalDirMailbox } from '../src/mailbox/local-dir.ts';
import { AgoraOrchestrator } from '../src/orchestrator/orchestrator.ts';
import { checkValue } from '../src/orchestrator/plan.ts';
import { SqliteRunStateStore } from '../src/orchestrator/run-store-sqlite.ts';
import { serve } from '../src/orchestrator/serve.ts';
import { MailboxSubmissionTransport } from '../src/orchestrator/submission-transport.ts';
import { LocalStorage } from '../src/storage/local.ts';
import { noopExecutor } from './noop-executor.ts';

export interface OrchestratorRun {
  /** From the submission's arrival to the last item's commit, milliseconds. */
  readonly runMs: number;
  /** Until the bundle and the terminal status are published. */
  readonly publishedMs: number;
  /** When each item was executed, milliseconds since the submission, in order. */
  readonly executedAtMs: readonly number[];
}

const patienceMs = 300_000;

/** Serves one plan with the real store, mailbox and audit, and an executor that does nothing. */
export async function measureRun(items: readonly object[], concurrency: number): Promise<OrchestratorRun> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-bench-'));
  try {
    return await serveAndMeasure(folder, items, concurrency);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function serveAndMeasure(
  folder: string,
  items: readonly object[],
  concurrency: number,
): Promise<OrchestratorRun> {
  const executedAt: number[] = [];
  const store = new SqliteRunStateStore({ file: join(folder, 'state.db') });
  const storage = new LocalStorage({ root: join(folder, 'storage') });
  const transport = new MailboxSubmissionTransport(new LocalDirMailbox(join(folder, 'mailbox')));
  const orchestrator = new AgoraOrchestrator({
    stateFolder: folder,
    store,
    storage,
    signer: createLocalSigner({ keyFile: join(folder, 'keys', 'seal.pem') }),
    anchors: [new LocalAnchor(store)],
    executors: { noop: noopExecutor(() => executedAt.push(performance.now())) },
    queues: { default: { concurrency } },
  });
  const reading = checkValue({ id: 'bench', items }, orchestrator.declarations);
  if (reading.kind === 'invalid') throw new Error(JSON.stringify(reading.problems[0]));

  const stop = new AbortController();
  const serving = serve({ orchestrator, transport, signal: stop.signal });
  await waitForPresence(transport);
  const startedAt = performance.now();
  await transport.submit(reading.plan.id, reading.planDigest.slice('sha256:'.length), {
    format: formats.submission,
    plan: JSON.parse(reading.text),
    actor: 'bench',
    submittedAt: new Date().toISOString(),
  });
  await waitForEnd(transport, reading.plan.id);
  const publishedMs = performance.now() - startedAt;
  stop.abort();
  await serving;
  const executedAtMs = executedAt.map((at) => at - startedAt);
  return { runMs: executedAtMs.at(-1) ?? 0, publishedMs, executedAtMs };
}

async function waitForPresence(transport: MailboxSubmissionTransport): Promise<void> {
  for await (const _ of transport.mailbox.watch(mailboxKeys.daemon.replace(/[^/]+$/, ''), withDeadline(patienceMs))) {
    if ((await transport.presence()) !== undefined) return;
  }
}

async function waitForEnd(
  transport: MailboxSubmissionTransport,
  runId: Parameters<typeof mailboxKeys.run>[0],
): Promise<void> {
  let after: string | undefined;
  for await (const _ of transport.mailbox.watch(mailboxKeys.statuses(runId), withDeadline(patienceMs))) {
    const keys = await transport.statusKeys(runId, after);
    after = keys.at(-1) ?? after;
    const last = keys.at(-1);
    if (last !== undefined && isTerminalRun((await transport.statusAt(last)).status)) return;
  }
}

import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { LocalAnchor } from '../../src/audit/local-anchor.ts';
import { createLocalSigner } from '../../src/audit/local-signer.ts';
import { artifactRef } from '../../src/contracts/ids.ts';
import { LocalDirMailbox } from '../../src/mailbox/local-dir.ts';
import type { AttemptOutcome, AttemptRequest, Executor, RunExecution } from '../../src/orchestrator/executor.ts';
import { baseManifest } from '../../src/orchestrator/manifest.ts';
import { AgoraOrchestrator } from '../../src/orchestrator/orchestrator.ts';
import { SqliteRunStateStore } from '../../src/orchestrator/run-store-sqlite.ts';
import { serve } from '../../src/orchestrator/serve.ts';
import { MailboxSubmissionTransport } from '../../src/orchestrator/submission-transport.ts';
import { LocalStorage } from '../../src/storage/local.ts';

// A daemon to be killed: `node crash-daemon.ts FOLDER`. Its work ends with it and writes down when each attempt began
// and ended; everything but its executor is real.
const folder = process.argv[2] ?? '';
const stamp = (kind: 'start' | 'end', { item, attempt }: AttemptRequest) =>
  appendFileSync(join(folder, 'stamps'), `${kind} ${item.id} ${attempt} ${process.pid}\n`);

const execution = (run: Parameters<Executor['open']>[0]): RunExecution => ({
  manifest: (request) => baseManifest(run, request),
  execute: async (request, { isResumed }) => {
    const artifacts: [] = [];
    if (isResumed) return { outcome: { outcome: 'lost', code: 'worker-lost', durationMs: 0, artifacts } };
    stamp('start', request);
    if (request.item.id.startsWith('ask') && request.resume === undefined) {
      stamp('end', request);
      return { outcome: await questionOf(request) };
    }
    await pause(((request.item.id.at(-1)?.charCodeAt(0) ?? 0) % 5) * 10);
    stamp('end', request);
    return { outcome: { outcome: 'done', exitCode: 0, durationMs: 1, artifacts } };
  },
});

async function questionOf({ item, dispatchId }: AttemptRequest): Promise<AttemptOutcome> {
  const question = `What about ${item.id}?`;
  const { digest, sizeBytes } = await storage.putBlob(Buffer.from(JSON.stringify({ question })));
  const ref = artifactRef('default', dispatchId, digest);
  return {
    outcome: 'needs-input',
    exitCode: 0,
    durationMs: 1,
    artifacts: [{ port: 'question', ref, sizeBytes, mediaType: 'application/json' }],
    asked: { question: { dispatchId, question, ref } },
  };
}

const executor: Executor = {
  describe: async () => 'short-lived work',
  open: async (run) => execution(run),
  sweep: async () => undefined,
  close: async () => undefined,
};

const storage = new LocalStorage({ root: join(folder, 'storage') });
const store = new SqliteRunStateStore({ file: join(folder, 'state.db') });
const orchestrator = new AgoraOrchestrator({
  stateFolder: folder,
  store,
  storage,
  signer: createLocalSigner({ keyFile: join(folder, 'keys', 'seal.pem') }),
  anchors: [new LocalAnchor(store)],
  executors: { stamped: executor },
  queues: { default: { concurrency: 4 } },
});
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
await serve({
  orchestrator,
  transport: new MailboxSubmissionTransport(new LocalDirMailbox(join(folder, 'mailbox'))),
  signal: stop.signal,
  onLine: (line) => void process.stdout.write(`${line}\n`),
});

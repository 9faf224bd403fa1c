import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Anchor } from '../../src/audit/anchor.ts';
import { LocalAnchor } from '../../src/audit/local-anchor.ts';
import { createLocalSigner } from '../../src/audit/local-signer.ts';
import { waitUntil } from '../../src/base/deadline.ts';
import { type RunId, runIdSchema } from '../../src/contracts/ids.ts';
import { mailboxKeys } from '../../src/contracts/mailbox.ts';
import { formats } from '../../src/contracts/names.ts';
import { isTerminalRun } from '../../src/contracts/run.ts';
import type { StatusRecord } from '../../src/contracts/status.ts';
import { LocalDirMailbox } from '../../src/mailbox/local-dir.ts';
import type {
  AttemptOutcome,
  AttemptRequest,
  AttemptSignals,
  ExecutedAttempt,
  Executor,
} from '../../src/orchestrator/executor.ts';
import { baseManifest } from '../../src/orchestrator/manifest.ts';
import { AgoraOrchestrator } from '../../src/orchestrator/orchestrator.ts';
import { SqliteRunStateStore } from '../../src/orchestrator/run-store-sqlite.ts';
import { serve } from '../../src/orchestrator/serve.ts';
import { MailboxSubmissionTransport } from '../../src/orchestrator/submission-transport.ts';
import { LocalStorage } from '../../src/storage/local.ts';
import { doneOutcome } from './board.ts';

export interface StartedAttempt {
  readonly request: AttemptRequest;
  readonly isResumed: boolean;
  readonly signals: AttemptSignals;
  end(outcome?: AttemptOutcome): void;
  /** As a provider whose workers outlive the daemon answers to `detach`. */
  leave(): void;
  markReleased(): void;
  isReleased: boolean;
}

/** An executor whose attempts end when the test says so. */
export class HeldExecutor implements Executor {
  readonly started: StartedAttempt[] = [];
  /** Makes `open` reject with this until it is cleared. */
  unreachable: Error | undefined;

  describe = async () => 'held by a test';
  sweep = async () => undefined;
  close = async () => undefined;

  async open(run: Parameters<Executor['open']>[0]) {
    if (this.unreachable !== undefined) throw this.unreachable;
    return {
      manifest: (request: AttemptRequest) => baseManifest(run, request),
      execute: (request: AttemptRequest, fired: { readonly isResumed: boolean }, signals: AttemptSignals) =>
        this.#execute(request, fired.isResumed, signals),
    };
  }

  attempt(itemId: string, attempt = 1): Promise<StartedAttempt> {
    return waitUntil(`attempt ${attempt} of ${itemId}`, () =>
      this.started.findLast(({ request }) => request.item.id === itemId && request.attempt === attempt),
    );
  }

  #execute(request: AttemptRequest, isResumed: boolean, signals: AttemptSignals): Promise<ExecutedAttempt | undefined> {
    return new Promise((resolve) => {
      const attempt: StartedAttempt = {
        request,
        isResumed,
        signals,
        isReleased: false,
        markReleased: () => {
          attempt.isReleased = true;
        },
        end: (outcome = doneOutcome) => resolve({ outcome, release: async () => attempt.markReleased() }),
        leave: () => resolve(undefined),
      };
      signals.detach.addEventListener('abort', () => attempt.leave());
      const stopped = () => attempt.end({ outcome: 'stopped', durationMs: 1, artifacts: [] });
      if (signals.stop.aborted) stopped();
      signals.stop.addEventListener('abort', stopped);
      this.started.push(attempt);
    });
  }
}

/** A daemon in this process over a folder of its own, with everything real but its executor. */
export class TestDaemon {
  readonly folder: string;
  readonly executor: HeldExecutor;
  readonly transport: MailboxSubmissionTransport;
  readonly lines: string[] = [];
  /** Besides the local one. */
  anchors: readonly Anchor[] = [];
  #submitted = 0;
  #stop = new AbortController();
  #serving: Promise<void> = Promise.resolve();

  constructor(folder: string, executor: HeldExecutor) {
    this.folder = folder;
    this.executor = executor;
    this.transport = new MailboxSubmissionTransport(new LocalDirMailbox(join(folder, 'mailbox')));
  }

  start(): this {
    const store = new SqliteRunStateStore({ file: join(this.folder, 'state.db') });
    const orchestrator = new AgoraOrchestrator({
      stateFolder: this.folder,
      store,
      storage: new LocalStorage({ root: join(this.folder, 'storage') }),
      signer: createLocalSigner({ keyFile: join(this.folder, 'keys', 'seal.pem') }),
      anchors: [new LocalAnchor(store), ...this.anchors],
      executors: { held: this.executor },
      queues: { default: { concurrency: 2 } },
    });
    this.#stop = new AbortController();
    const onLine = (line: string) => void this.lines.push(line);
    this.#serving = serve({ orchestrator, transport: this.transport, signal: this.#stop.signal, onLine });
    return this;
  }

  /** Settles once it has ended. */
  get serving(): Promise<void> {
    return this.#serving;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#serving;
  }

  /** Puts a plan of these items into the inbox, unchecked, as anyone who can write there might. */
  async submit(runId: string, items: readonly object[], more: object = {}): Promise<RunId> {
    const id = runIdSchema.parse(runId);
    const plan = { id: runId, items: items.map((item) => ({ executor: 'held', ...item })), ...more };
    await this.transport.mailbox.put(
      mailboxKeys.submission(id, `${this.#submitted++}`),
      JSON.stringify({ format: formats.submission, plan, actor: 'human:test', submittedAt: new Date().toISOString() }),
    );
    return id;
  }

  /** Every status published so far. */
  async statuses(runId: RunId): Promise<StatusRecord[]> {
    return Promise.all((await this.transport.statusKeys(runId)).map((key) => this.transport.statusAt(key)));
  }

  async ended(runId: RunId): Promise<StatusRecord> {
    return waitUntil(`the end of ${runId}`, async () => {
      const last = (await this.statuses(runId)).at(-1);
      return last !== undefined && isTerminalRun(last.status) ? last : undefined;
    });
  }
}

export async function aDaemon(t: TestContext, anchors: readonly Anchor[] = []): Promise<TestDaemon> {
  const folder = await mkdtemp(join(tmpdir(), 'agora-daemon-'));
  const daemon = new TestDaemon(folder, new HeldExecutor());
  daemon.anchors = anchors;
  daemon.start();
  t.after(async () => {
    await daemon.stop();
    await rm(folder, { recursive: true, force: true });
  });
  return daemon;
}

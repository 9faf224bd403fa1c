import type { Anchor } from '../audit/anchor.ts';
import { assembleBundle, printBundle, type ReportedBundle } from '../audit/bundle.ts';
import { originOf } from '../audit/record.ts';
import { anchorEntryOf, type Seal, sealRun } from '../audit/seal.ts';
import type { Signer } from '../audit/signer.ts';
import type { Trust } from '../audit/verify/trust.ts';
import { retry } from '../base/retry.ts';
import { isAppError } from '../contracts/errors.ts';
import type { DeploymentId, RunId } from '../contracts/ids.ts';
import { mailboxKeys } from '../contracts/mailbox.ts';
import type { RunBoard } from './board.ts';
import { statusMessage } from './commit.ts';
import type { ReportedMailbox } from './reported-mailbox.ts';
import type { RunStore } from './run-store.ts';
import type { SchedulePolicy } from './schedule.ts';

const retryMs = { first: 200, longest: 10_000 };

export interface SealerOptions {
  readonly store: RunStore;
  readonly mailbox: ReportedMailbox;
  readonly signer: Signer;
  readonly anchors: readonly Anchor[];
  readonly trust: Trust;
  readonly deploymentId: DeploymentId;
  readonly engine: SchedulePolicy['engine'];
  /** The terminal status is in the store's outbox. */
  readonly onPublished: (run: RunBoard) => void;
  readonly onLine: (line: string) => void;
}

/** Seals closed runs: one seal each, whatever crashes; then the bundle, then the terminal status. */
export class Sealer {
  readonly #options: SealerOptions;
  readonly #underWay = new Map<RunId, Promise<void>>();
  readonly #closing = new AbortController();

  constructor(options: SealerOptions) {
    this.#options = options;
  }

  /** Starts sealing; tries again until it worked. A run under way is not started twice. */
  seal(run: RunBoard): void {
    if (this.#underWay.has(run.runId)) return;
    const isRetryable = (error: unknown): true => {
      const { mailbox, onLine } = this.#options;
      const reason = error instanceof Error ? error.message : String(error);
      if (!mailbox.hasReported(error)) onLine(`run ${run.runId}: cannot publish its bundle, trying again: ${reason}`);
      return true;
    };
    const { first: delayMs, longest: maxDelayMs } = retryMs;
    const sealing = retry(() => this.#sealOnce(run), { signal: this.#closing.signal, delayMs, maxDelayMs, isRetryable })
      // Only the daemon's end rejects this; the next one finds the run closed and unpublished.
      .catch(() => undefined)
      .finally(() => this.#underWay.delete(run.runId));
    this.#underWay.set(run.runId, sealing);
  }

  /** Lets what is under way finish, for `graceMs` at the longest. */
  async close(graceMs: number): Promise<void> {
    const giveUp = setTimeout(() => this.#closing.abort(), graceMs);
    await Promise.all(this.#underWay.values());
    clearTimeout(giveUp);
  }

  async #sealOnce(run: RunBoard): Promise<void> {
    const { store, mailbox } = this.#options;
    const { runId } = run;
    const log = await store.readLog(runId);
    const seal =
      (await store.readSeal(runId)) ?? (await store.keepSeal(runId, await this.#newSeal(runId, log.recordTexts)));
    const bundle = await assembleBundle({
      runId,
      planText: log.run.planText,
      manifests: log.manifestTexts.map((text) => JSON.parse(text)),
      recordTexts: log.recordTexts,
      seal,
      anchors: await this.#anchor(runId, seal),
      trust: this.#options.trust,
    });
    const text = this.#print(run, bundle);
    if (text !== undefined) await mailbox.put(mailboxKeys.audit(runId), text, { durable: true });
    const sequence = run.statusSequence;
    const at = new Date().toISOString();
    try {
      await store.markPublished(runId, [statusMessage(run, { touchedItems: new Set(run.items), at })]);
    } catch (error) {
      // The next try publishes under the same number.
      run.statusSequence = sequence;
      throw error;
    }
    this.#options.onPublished(run);
  }

  /** A bundle no program could read in one piece is not published; the run ends and says so. Its seal and rows are kept. */
  #print(run: RunBoard, bundle: ReportedBundle): string | undefined {
    try {
      return printBundle(bundle);
    } catch (error) {
      if (!isAppError(error, 'limit-exceeded')) throw error;
      run.reason = error.message;
      this.#options.onLine(`run ${run.runId}: ${error.message}`);
      return undefined;
    }
  }

  #newSeal(runId: RunId, recordTexts: readonly string[]) {
    const { deploymentId, engine, signer } = this.#options;
    const sealedAt = new Date().toISOString();
    return sealRun({ origin: originOf(deploymentId), runId, recordTexts, engine, sealedAt }, signer);
  }

  async #anchor(runId: RunId, seal: Seal) {
    const evidence = [];
    for (const anchor of this.#options.anchors) {
      await anchor.record(anchorEntryOf(seal));
      evidence.push(await anchor.evidence(runId));
    }
    return evidence.filter((found) => found !== undefined);
  }
}

import type { Anchor, AnchorEntry } from '../audit/anchor.ts';
import { type AnchoredSeal, promisedAnchors } from '../audit/anchored-seal.ts';
import { assembleBundle, printBundle, type ReportedBundle } from '../audit/bundle.ts';
import { originOf } from '../audit/record.ts';
import { anchorEntryOf, type Seal, sealRun } from '../audit/seal.ts';
import type { Signer } from '../audit/signer.ts';
import type { Trust } from '../audit/verify/trust.ts';
import { retry } from '../base/retry.ts';
import { isAppError } from '../contracts/errors.ts';
import type { DeploymentId, RunId } from '../contracts/ids.ts';
import { mailboxKeys } from '../contracts/mailbox.ts';
import { Anchoring } from './anchoring.ts';
import type { RunBoard } from './board.ts';
import { statusMessage } from './commit.ts';
import { LateAnchors } from './late-anchors.ts';
import type { ReportedMailbox } from './reported-mailbox.ts';
import type { RunLog, RunStore } from './run-store.ts';
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
  readonly #anchoring: Anchoring;
  readonly #late: LateAnchors;

  constructor(options: SealerOptions) {
    this.#options = options;
    const { anchors, onLine } = options;
    const { signal } = this.#closing;
    this.#anchoring = new Anchoring({ anchors, onLine, signal });
    this.#late = new LateAnchors({
      settle: (runId, unreachable) => this.#anchorLate(runId, unreachable),
      onProblem: (runId, error) =>
        onLine(`run ${runId}: cannot publish its bundle with the anchors: ${reasonOf(error)}`),
      signal,
    });
  }

  /** Goes on with runs whose seal has yet to reach an anchor. */
  async resume(): Promise<void> {
    for (const runId of await this.#options.store.runsOwingAnchors()) this.#late.add(runId);
  }

  /** Starts sealing; tries again until it worked. A run under way is not started twice. */
  seal(run: RunBoard): void {
    if (this.#underWay.has(run.runId)) return;
    const isRetryable = (error: unknown): true => {
      const { mailbox, onLine } = this.#options;
      if (!mailbox.hasReported(error))
        onLine(`run ${run.runId}: cannot publish its bundle, trying again: ${reasonOf(error)}`);
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
    this.#closing.abort();
    await this.#late.ended();
  }

  async #sealOnce(run: RunBoard): Promise<void> {
    const { store, mailbox } = this.#options;
    const { runId } = run;
    const log = await store.readLog(runId);
    const seal =
      (await store.readSeal(runId)) ?? (await store.keepSeal(runId, await this.#newSeal(runId, log.recordTexts)));
    const anchored = await this.#anchoring.anchor(promisedAnchors(log.recordTexts[0]), this.#entryOf(seal));
    const text = this.#print(run, this.#assemble(log, seal, anchored));
    if (text !== undefined) await mailbox.put(mailboxKeys.audit(runId), text, { durable: true });
    const sequence = run.statusSequence;
    const at = new Date().toISOString();
    try {
      const messages = [statusMessage(run, { touchedItems: new Set(run.items), at })];
      await store.markPublished(runId, messages, anchored.some(isOwed));
    } catch (error) {
      // The next try publishes under the same number.
      run.statusSequence = sequence;
      throw error;
    }
    this.#options.onPublished(run);
    if (anchored.some(isOwed)) this.#late.add(runId, pendingOf(anchored));
  }

  /**
   * Publishes the bundle anew once the anchors of the config have all answered; gives those that did not. A conflict, or
   * an anchor that the config lacks, is looked at again by the next daemon.
   */
  async #anchorLate(runId: RunId, unreachable: ReadonlySet<string>): Promise<readonly string[]> {
    const { store, mailbox } = this.#options;
    const [log, seal] = [await store.readLog(runId), await store.readSeal(runId)];
    if (seal === undefined) return [];
    const promised = promisedAnchors(log.recordTexts[0]);
    const hopeless = promised.filter((id) => unreachable.has(id));
    if (hopeless.length > 0) return hopeless;
    const anchored = await this.#anchoring.anchor(promised, this.#entryOf(seal), true);
    const silent = pendingOf(anchored).filter((id) => this.#anchoring.isConfigured(id));
    if (silent.length > 0) return silent;
    // None but those that the config lacks.
    if (anchored.every(({ readBack }) => readBack === undefined)) return [];
    const text = printBundle(this.#assemble(log, seal, anchored));
    await mailbox.put(mailboxKeys.audit(runId), text, { durable: true });
    if (anchored.some(isOwed)) return [];
    await store.markAnchored(runId);
    this.#options.onLine(`run ${runId}: anchored`);
    return [];
  }

  #assemble(log: RunLog, seal: Seal, anchored: readonly AnchoredSeal[]): ReportedBundle {
    const readings = anchored.flatMap(({ evidence: { id }, readBack }) =>
      readBack === undefined ? [] : [{ id, readBack }],
    );
    return assembleBundle({
      runId: seal.runId,
      planText: log.run.planText,
      manifests: log.manifestTexts.map((text) => JSON.parse(text)),
      recordTexts: log.recordTexts,
      seal,
      anchors: anchored.map(({ evidence }) => evidence),
      readings,
      trust: this.#options.trust,
    });
  }

  #entryOf(seal: Seal): AnchorEntry {
    return anchorEntryOf(originOf(this.#options.deploymentId), seal);
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
}

/** Whether an anchor has yet to hold the entry: not reached, or holding something else. */
function isOwed({ evidence: { state = 'held' } }: AnchoredSeal): boolean {
  return state !== 'held';
}

function pendingOf(anchored: readonly AnchoredSeal[]): string[] {
  return anchored.flatMap(({ evidence: { id, state } }) => (state === 'pending' ? [id] : []));
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

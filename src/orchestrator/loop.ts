import { originOf } from '../audit/record.ts';
import { canonicalize } from '../base/canonical-json.ts';
import { sleep } from '../base/deadline.ts';
import { digestOf } from '../base/hash.ts';
import { isAppError } from '../contracts/errors.ts';
import type { DeploymentId, Digest } from '../contracts/ids.ts';
import { dispatchIdOf } from '../dispatch/dispatch-id.ts';
import { waitingLine } from '../dispatch/patience.ts';
import { finishAttempt } from './attempt-end.ts';
import type { Attempts } from './attempts.ts';
import { type Board, emptyBoard, type ItemNode, newRunBoard, type RunBoard } from './board.ts';
import { commitOf } from './commit.ts';
import type { EventQueue } from './event-queue.ts';
import { answer, restRuns } from './inquiry.ts';
import type { LoopEvent } from './loop-event.ts';
import type { Publisher } from './publisher.ts';
import { fillSlots } from './ready.ts';
import { placeRun, restoreRun } from './restore.ts';
import type { RunStore } from './run-store.ts';
import {
  admitRun,
  cancel,
  closeRuns,
  holdItem,
  holdRun,
  noteAbsence,
  openRun,
  type SchedulePolicy,
  wakeTimers,
} from './schedule.ts';
import { newTurn, type Turn, type TurnContext } from './turn.ts';

export interface LoopOptions {
  readonly store: RunStore;
  readonly publisher: Publisher;
  readonly attempts: Attempts;
  readonly events: EventQueue<LoopEvent>;
  readonly deploymentId: DeploymentId;
  /** Concurrency of each queue. */
  readonly queues: Readonly<Record<string, number>>;
  readonly policy: SchedulePolicy;
  /** Where items run that name no target, by executor. */
  readonly defaultTargets: Readonly<Record<string, string>>;
  /** Seals and publishes a closed run; never rejects. */
  readonly seal: (run: RunBoard) => void;
  readonly onLine: (line: string) => void;
}

/**
 * One turn: take all events, decide, commit every transition with its audit records, then act. Nothing is started or
 * told to anyone before it is committed.
 */
export class Loop {
  readonly #options: LoopOptions;
  readonly #context: TurnContext;
  readonly #origin: string;
  #board: Board;
  #takesWork = true;

  constructor(options: LoopOptions) {
    this.#options = options;
    this.#origin = originOf(options.deploymentId);
    this.#board = emptyBoard(options.queues);
    this.#context = {
      dispatchIdOf: (node, attempt) => this.#dispatchIdOf(node, attempt),
      manifestOf: (node, request) => options.attempts.manifest(node.run.runId, request),
      digestOfManifest: (manifest) => {
        const text = canonicalize(manifest);
        return { text, digest: digestOf(text) as Digest };
      },
    };
  }

  /** Reads the rows and goes on with every run that is not finished. */
  async recover(): Promise<void> {
    await this.#rebuild();
    const live = [...this.#board.runs.values()];
    const running = live.flatMap((run) => [...run.running]);
    this.#options.attempts.recover(running.map((node) => this.#dispatchIdOf(node, node.attempt)));
    for (const run of live) {
      if (run.running.size > 0) this.#options.events.push({ kind: 'recovered', runId: run.runId });
      this.#openRun(run);
    }
  }

  /** Turns until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#options.events.ready(this.#board.timers.peek()?.dueAt, signal);
      if (!signal.aborted) await this.turn();
    }
  }

  /** Fires nothing more; what runs may still end. */
  takeNoWork(): void {
    this.#takesWork = false;
  }

  get runningCount(): number {
    let count = 0;
    for (const queue of this.#board.queues.values()) count += queue.running.size;
    return count;
  }

  async turn(): Promise<void> {
    const events = this.#options.events.drain();
    const turn = newTurn(Date.now(), this.#origin);
    const planTexts = new Map<RunBoard, string>();
    wakeTimers(this.#board, turn);
    for (const event of events) this.#apply(turn, event, planTexts);
    if (this.#takesWork) fillSlots(this.#board, turn, this.#context);
    restRuns(turn);
    closeRuns(this.#board, turn);

    if (turn.touchedRuns.size > 0) {
      try {
        await this.#options.store.commit(commitOf(turn, planTexts, this.#options.publisher.deliveredUpTo));
      } catch (error) {
        await this.#undo(events, error);
        return;
      }
    }
    this.#act(turn, events);
  }

  #apply(turn: Turn, event: LoopEvent, planTexts: Map<RunBoard, string>): void {
    if (event.kind === 'submitted') {
      const run = newRunBoard(event.run);
      run.defaultTargets = this.#options.defaultTargets;
      planTexts.set(run, event.planText);
      admitRun(this.#board, turn, run, this.#options.policy);
      return;
    }
    const run = this.#board.runs.get(event.runId);
    if (event.kind === 'answer') this.#answer(turn, run, event);
    if (run === undefined || event.kind === 'answer') return;
    if (event.kind === 'recovered') noteAbsence(turn, run);
    else if (event.kind === 'opened') this.#opened(turn, run);
    else if (event.kind === 'held') this.#hold(turn, run, event.reason);
    else if (event.kind === 'waiting') holdItem(turn, run.items[event.index], event);
    else if (event.kind === 'finished') this.#finished(turn, run, event);
    else this.#cancel(turn, run, event);
  }

  #hold(turn: Turn, run: RunBoard, reason: string): void {
    if (run.reason !== reason) this.#options.onLine(`run ${run.runId}: waits: ${reason}`);
    holdRun(turn, run, reason);
  }

  #opened(turn: Turn, run: RunBoard): void {
    if (run.isOpen) return;
    openRun(turn, run);
    for (const node of run.running) this.#launch(node, true);
  }

  #finished(turn: Turn, run: RunBoard, event: Extract<LoopEvent, { kind: 'finished' }>): void {
    const node = run.items[event.index];
    if (node === undefined) return;
    finishAttempt(
      this.#board,
      turn,
      { node, attempt: event.attempt, outcome: event.ended.outcome },
      this.#options.policy,
    );
  }

  #cancel(turn: Turn, run: RunBoard, event: Extract<LoopEvent, { kind: 'cancel' }>): void {
    const node = event.itemId === undefined ? undefined : run.itemsById.get(event.itemId);
    if (event.itemId !== undefined && node === undefined) return;
    cancel(this.#board, turn, { run, actor: event.actor, ...(node === undefined ? {} : { node }) });
  }

  #answer(turn: Turn, run: RunBoard | undefined, event: Extract<LoopEvent, { kind: 'answer' }>): void {
    const node = run?.itemsById.get(event.itemId);
    const refusal =
      node === undefined
        ? `there is no such ${run === undefined ? 'run under way' : 'item'}`
        : answer(this.#board, turn, node, event.given);
    if (refusal === undefined) return;
    const { runId, itemId, given } = event;
    this.#options.onLine(`run ${runId}: the answer of ${given.actor} to "${itemId}" is not taken: ${refusal}`);
  }

  #act(turn: Turn, events: readonly LoopEvent[]): void {
    const { attempts, publisher, seal, onLine } = this.#options;
    for (const event of events) {
      if (event.kind === 'finished') attempts.release(event.ended);
      // A run leaves the inbox once it is announced, so that nobody finds it in neither place.
      else if (event.kind === 'submitted') publisher.wake(event.acknowledge);
      else if (event.kind === 'cancel' || event.kind === 'answer') event.acknowledge();
    }
    for (const run of turn.admitted) {
      onLine(`run ${run.runId}: accepted, ${run.items.length} ${run.items.length === 1 ? 'item' : 'items'}`);
      this.#openRun(run);
    }
    for (const fired of turn.fired) this.#launch(fired.node, false, fired);
    for (const node of turn.stopping) attempts.stop(this.#dispatchIdOf(node, node.attempt));
    for (const run of turn.closed) {
      attempts.forget(run.runId);
      seal(run);
    }
    if (turn.touchedRuns.size > 0) publisher.wake();
  }

  #openRun(run: RunBoard): void {
    const { events, attempts } = this.#options;
    attempts.open(run, {
      onOpen: () => events.push({ kind: 'opened', runId: run.runId }),
      onHeld: (reason) => events.push({ kind: 'held', runId: run.runId, reason }),
    });
  }

  #launch(node: ItemNode, isResumed: boolean, fired?: Turn['fired'][number]): void {
    const { events, attempts } = this.#options;
    const attempt = node.attempt;
    const at = { runId: node.run.runId, index: node.index, attempt };
    attempts.launch(
      node,
      { isResumed, dispatchId: this.#dispatchIdOf(node, attempt), ...(fired === undefined ? {} : { fired }) },
      {
        onWaiting: (reason) => events.push({ kind: 'waiting', ...at, reason }),
        onEnd: (ended) => events.push({ kind: 'finished', ...at, ended }),
      },
    );
  }

  /** The store refused the turn: memory goes back to what the rows say, and the events wait for the next try. */
  async #undo(events: readonly LoopEvent[], error: unknown): Promise<void> {
    if (!isAppError(error, 'disk-full') && !isAppError(error, 'unreachable')) throw error;
    this.#options.onLine(waitingLine(error));
    this.#options.events.pushBack(events);
    await sleep(1_000);
    await this.#rebuild();
  }

  async #rebuild(): Promise<void> {
    const board = emptyBoard(this.#options.queues);
    for (const { run: stored, phase, items } of await this.#options.store.loadUnpublished()) {
      const run = restoreRun(stored, items);
      if (phase === 'closed') {
        this.#options.seal(run);
        continue;
      }
      run.defaultTargets = this.#options.defaultTargets;
      run.isOpen = this.#options.attempts.isOpen(run.runId);
      placeRun(board, run);
    }
    this.#board = board;
  }

  #dispatchIdOf(node: ItemNode, attempt: number) {
    const { deploymentId } = this.#options;
    return dispatchIdOf({ deploymentId, runId: node.run.runId, itemId: node.id, attempt });
  }
}

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { sleep, withDeadline } from '../base/deadline.ts';
import { isSameProcess } from '../base/process-identity.ts';
import { signalGroup, signalProcess } from '../base/process-sweep.ts';
import { outNames } from '../contracts/names.ts';
import type { TaskExit } from './compute.ts';
import type { TaskFolder } from './process-folder.ts';
import type { TaskRecord } from './process-record.ts';

/** How often another process's worker is looked at. */
const lookMs = 50;

/** A supervisor, whoever started it. */
export interface WorkerProcess {
  readonly hasEnded: boolean;
  readonly exit: Promise<TaskExit>;
  /** Asks it to stop, and kills it after the grace; resolves once it has ended. */
  stop(graceMs: number): Promise<void>;
}

/** A supervisor that another process of this machine started: seen and signalled, but no child of ours. */
export class AdoptedWorker implements WorkerProcess {
  readonly #record: TaskRecord;
  readonly #folder: TaskFolder;
  #exit: Promise<TaskExit> | undefined;

  constructor(record: TaskRecord, folder: TaskFolder) {
    this.#record = record;
    this.#folder = folder;
  }

  /** One that does not run yet ends with the process that is about to start it. */
  get hasEnded(): boolean {
    const { supervisor, starter } = this.#record;
    return !isSameProcess(supervisor ?? starter);
  }

  get exit(): Promise<TaskExit> {
    this.#exit ??= this.#ended().then(() => this.#howItEnded());
    return this.#exit;
  }

  async stop(graceMs: number): Promise<void> {
    const { supervisor } = this.#record;
    if (supervisor === undefined || this.hasEnded) return;
    signalProcess(supervisor.pid, 'SIGTERM');
    try {
      await this.#ended(withDeadline(graceMs));
    } catch {
      // Its grace is over.
      if (!this.hasEnded) signalGroup(supervisor.pid, 'SIGKILL');
      await this.#ended();
    }
  }

  async #ended(signal?: AbortSignal): Promise<void> {
    while (!this.hasEnded) await sleep(lookMs, signal);
  }

  /** Its exit code is known to its parent alone; a result is the last thing it leaves. */
  #howItEnded(): TaskExit {
    if (existsSync(join(this.#folder.out, outNames.result)))
      return { kind: 'exited', exitCode: 0, isOutOfMemory: false };
    return { kind: 'lost', reason: 'its supervisor ended and left no result' };
  }
}

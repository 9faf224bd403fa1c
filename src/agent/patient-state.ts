import { type Backoff, retryDelayMs } from '../base/retry.ts';
import { isAppError } from '../contracts/errors.ts';
import type { PlanProblem } from '../contracts/host-change.ts';
import type { AgentState, StateName } from './agent-state.ts';

export interface PatientStateOptions {
  readonly state: AgentState;
  /** Between two tries of what could not be written. Default: 1 s, growing to 15 s. */
  readonly backoff?: Backoff;
  readonly log: (line: string) => void;
}

const defaultBackoff: Backoff = { delayMs: 1_000, maxDelayMs: 15_000 };
/** What the next start must not do without: it is done only once it is kept. The others are made again, or cost time. */
const firstKept = /\.pem$|^(server|target)\.json$|^machine-id$/;

/**
 * State on a disk that may be full for a while. What can wait counts as written, and is as soon as there is space; what cannot is
 * refused to who writes it, who tries again. Either way it is told.
 */
export class PatientState implements AgentState {
  readonly place: string;
  /** Told when there is another problem, or none any more. */
  onChange: () => void = () => {};
  readonly #state: AgentState;
  readonly #backoff: Backoff;
  readonly #log: (line: string) => void;
  readonly #waiting = new Map<StateName, string>();
  readonly #failures = new Map<StateName, unknown>();
  #turn: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #tries = 0;

  constructor({ state, backoff = defaultBackoff, log }: PatientStateOptions) {
    this.place = state.place;
    this.#state = state;
    this.#backoff = backoff;
    this.#log = log;
  }

  /** Why not all is kept, for people; undefined while it is. */
  get problem(): PlanProblem | undefined {
    const [failure] = this.#failures.values();
    if (failure === undefined) return undefined;
    const next = isAppError(failure) && failure.next !== undefined ? { next: failure.next } : {};
    return { name: 'agent', message: failure instanceof Error ? failure.message : String(failure), ...next };
  }

  async read(name: StateName): Promise<string | undefined> {
    return this.#waiting.get(name) ?? (await this.#state.read(name));
  }

  async write(name: StateName, text: string): Promise<void> {
    const canWait = !firstKept.test(name);
    if (canWait) this.#waiting.set(name, text);
    await this.#inTurn(async () => {
      const isOld = canWait && this.#waiting.get(name) !== text;
      if (!isOld && !(await this.#tryWrite(name, text)) && !canWait) throw this.#failures.get(name);
    });
  }

  async remove(name: StateName): Promise<void> {
    this.#waiting.delete(name);
    await this.#inTurn(() => this.#state.remove(name));
    this.#note(name, undefined);
  }

  async flush(): Promise<void> {
    await this.#inTurn(() => this.#writeWaiting());
    clearTimeout(this.#timer);
    for (const name of this.#waiting.keys())
      this.#log(`Cannot keep "${name}" of ${this.place}: what is new in it is lost`);
    await this.#state.flush();
  }

  async #inTurn(act: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(act);
    this.#turn = turn.catch(() => undefined); // Whoever asked for it was told.
    await turn;
  }

  /** The small ones first: they may find room. */
  async #writeWaiting(): Promise<void> {
    for (const [name, text] of [...this.#waiting].sort(([, a], [, b]) => a.length - b.length)) {
      if (!(await this.#tryWrite(name, text))) return;
    }
  }

  async #tryWrite(name: StateName, text: string): Promise<boolean> {
    try {
      await this.#state.write(name, text);
    } catch (error) {
      this.#note(name, error);
      if (this.#waiting.size > 0) this.#tryLater();
      return false;
    }
    if (this.#waiting.get(name) === text) this.#waiting.delete(name);
    this.#tries = 0;
    this.#note(name, undefined);
    return true;
  }

  #tryLater(): void {
    if (this.#timer !== undefined) return;
    this.#tries += 1;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        void this.#inTurn(() => this.#writeWaiting()); // It fails never: what it cannot write is told.
      },
      retryDelayMs(this.#tries, this.#backoff),
    ).unref();
  }

  #note(name: StateName, failure: unknown): void {
    const before = this.problem;
    if (failure === undefined) this.#failures.delete(name);
    else this.#failures.set(name, failure);
    const { problem } = this;
    if (before?.message === problem?.message) return;
    if (problem === undefined) this.#log(`The state of the agent is kept again in ${this.place}`);
    else this.#log([problem.message, problem.next].filter((text) => text !== undefined).join('. '));
    this.onChange();
  }
}

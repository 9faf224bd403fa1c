import * as z from 'zod';
import { AppError } from '../contracts/errors.ts';
import { type SignalOutcome, signalOutcomes } from './container-process.ts';
import type { SessionContainer } from './docker-session-container.ts';
import type { SessionHelpers } from './docker-session-helpers.ts';
import { commandOfMain } from './session-helper.ts';

export interface SignalOrder {
  readonly container: Pick<SessionContainer, 'id' | 'pid' | 'labels'>;
  readonly pid: number;
  /** When the engine told of it, as `machineSeconds` counts. */
  readonly toldAt: number;
  readonly signal: NodeJS.Signals;
}

interface Waiting {
  readonly order: SignalOrder;
  readonly resolve: (outcome: SignalOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/** Signals that one container is given as its arguments. */
const mostAtOnce = 200;
const command = commandOfMain('signal-main');
const outcomesSchema = z.array(z.enum(signalOutcomes));

/** Signals by containers of our own: one at a time, and all that is asked for meanwhile is the next one's. */
export class HelperSignals {
  readonly #helpers: SessionHelpers;
  readonly #waiting: Waiting[] = [];
  #isSending = false;

  constructor(helpers: SessionHelpers) {
    this.#helpers = helpers;
  }

  async send(order: SignalOrder): Promise<SignalOutcome> {
    const { promise, resolve, reject } = Promise.withResolvers<SignalOutcome>();
    this.#waiting.push({ order, resolve, reject });
    if (!this.#isSending) void this.#sendAll(); // Who waits is told how it went.
    return await promise;
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, mostAtOnce);
      try {
        const outcomes = await this.#sendTogether(batch.map(({ order }) => order));
        for (const [index, { resolve }] of batch.entries()) resolve(outcomes[index] ?? 'not-seen');
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#isSending = false;
  }

  async #sendTogether(orders: readonly SignalOrder[]): Promise<SignalOutcome[]> {
    const words = orders.map(({ container, pid, toldAt, signal }) =>
      [pid, container.id, container.pid, toldAt, signal].join(),
    );
    const said = await this.#helpers.run(orders[0]?.container.labels ?? {}, {
      command: [...command, ...words],
      binds: [],
      hostNamespaces: true,
    });
    const outcomes = outcomesSchema.safeParse(Buffer.from(said).toString().trim().split('\n'));
    if (outcomes.success) return outcomes.data;
    throw new AppError('internal', `Cannot signal ${orders.length} commands: their helper does not tell how it went`);
  }
}

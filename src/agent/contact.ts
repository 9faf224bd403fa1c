import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { undefinedIfMissing } from '../base/missing-file.ts';
import type { AgentState } from './agent-state.ts';
import { readStored } from './stored.ts';
import { Wake } from './wake.ts';

export interface ContactOptions {
  readonly state: AgentState;
  /** Tells the boots of this machine from each other. Default: what Linux says; elsewhere each start of the agent is one. */
  readonly bootId?: () => Promise<string | undefined>;
  /** Milliseconds of a clock that nobody sets, the same for all that runs since a boot. Default: the machine's. */
  readonly now?: () => number;
}

/** While the server is away: for how long it was, at a moment of a boot. */
const awaySchema = z.object({ bootId: z.string().optional(), at: z.number(), awayMs: z.number().nonnegative() });

/** What a boot of the machine may take away from the time that is measured. */
const saveMs = 60_000;

/** For how long the server has been away, over starts of the agent and of the machine, whatever becomes of its clock. */
export class Contact {
  readonly #state: AgentState;
  readonly #now: () => number;
  readonly #bootId: string | undefined;
  readonly #wake = new Wake();
  #away: { readonly since: number } | undefined;

  private constructor({ state, now = monotonicMs }: ContactOptions, bootId: string | undefined, awayMs: number) {
    this.#state = state;
    this.#now = now;
    this.#bootId = bootId;
    this.#away = { since: now() - awayMs };
  }

  /** Before it is first reached a server is away, for as long as it was when an agent last looked. */
  static async load(options: ContactOptions): Promise<Contact> {
    const { state, now = monotonicMs, bootId = readBootId } = options;
    const boot = await bootId();
    const kept = await readStored(state, 'contact.json', awaySchema);
    const isSameBoot = kept?.bootId !== undefined && kept.bootId === boot;
    const sinceKept = isSameBoot ? Math.max(0, now() - kept.at) : 0;
    return new Contact(options, boot, (kept?.awayMs ?? 0) + sinceKept);
  }

  /** Undefined while the server is reached. */
  get awayMs(): number | undefined {
    return this.#away === undefined ? undefined : Math.max(0, this.#now() - this.#away.since);
  }

  change(isAway: boolean): void {
    if (isAway) this.#away ??= { since: this.#now() };
    else this.#away = undefined;
    this.#wake.wake();
  }

  /** Keeps for how long it is away. `onProblem` is told what cannot be kept. */
  async run(signal: AbortSignal, onProblem: (error: unknown) => void): Promise<void> {
    let hasSaved = true;
    while (!signal.aborted) {
      const isAway = this.#away !== undefined;
      try {
        if (isAway) await this.#save();
        else if (hasSaved) await this.#state.remove('contact.json');
        hasSaved = isAway;
      } catch (error) {
        onProblem(error);
      }
      await this.#wake.wait(this.#away === undefined ? Number.POSITIVE_INFINITY : saveMs, signal);
    }
  }

  async #save(): Promise<void> {
    const kept = { bootId: this.#bootId, at: this.#now(), awayMs: this.awayMs ?? 0 };
    await this.#state.write('contact.json', JSON.stringify(kept));
  }
}

/** Without the time that the machine slept: after that the server gets the rest of its time to be reached. */
function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

async function readBootId(): Promise<string | undefined> {
  return (await undefinedIfMissing(readFile('/proc/sys/kernel/random/boot_id', 'utf8')))?.trim();
}

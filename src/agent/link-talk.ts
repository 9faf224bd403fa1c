import type { RegisterReply } from '../contracts/agent-wire.ts';
import type { StepReport } from '../contracts/host-change.ts';
import type { EngineState } from './engine-watch.ts';
import { problemText } from './problem-text.ts';
import type { KnownHost } from './stored.ts';

export interface Started {
  readonly url: string;
  readonly name: string;
  readonly fingerprint: string;
  /** Where the agent's state is. */
  readonly place: string;
  readonly host: KnownHost | undefined;
}

/** The lines of an agent's log: each thing once, and again when it is otherwise. */
export class LinkTalk {
  readonly #log: (line: string) => void;
  #failure: string | undefined;
  #problem: string | undefined;
  #admission: string | undefined;
  #fingerprint = '';

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  started({ url, name, fingerprint, place, host }: Started): void {
    this.#log(
      `Server: ${url}${url.startsWith('https:') ? ' (encrypted)' : ' (NOT ENCRYPTED: only for a network you trust)'}`,
    );
    this.#log(`Name: ${host?.name ?? name}`);
    this.#log(`Fingerprint: ${fingerprint}`);
    this.#log(`State: ${place}`);
  }

  registered({ name, admission }: RegisterReply, fingerprint: string): void {
    const isNews = this.#failure !== undefined || this.#admission !== admission;
    this.#failure = undefined;
    this.#admission = admission;
    this.#fingerprint = fingerprint;
    if (!isNews) return;
    this.#log(`Registered as "${name}": ${admission}`);
    this.#explain(name, admission);
  }

  failed(error: unknown, waitMs: number): void {
    const text = problemText(error);
    if (text === this.#failure) return;
    this.#failure = text;
    this.#log(text);
    this.#log(`Trying again until it works, next in ${(waitMs / 1_000).toFixed(1)} s; what runs here goes on`);
  }

  changed(before: KnownHost | undefined, after: KnownHost | undefined): void {
    if (after === undefined) return;
    if (before?.admission !== after.admission && this.#admission !== after.admission) {
      this.#admission = after.admission;
      this.#log(`This host, "${after.name}", is ${after.admission}`);
      this.#explain(after.name, after.admission);
    }
    if (before !== undefined && before.settings.enabled !== after.settings.enabled) {
      this.#log(after.settings.enabled ? 'Enabled' : 'Disabled: nothing is applied, what runs is left as it is');
    }
  }

  declared(revision: number): void {
    this.#log(`Revision ${revision} is declared`);
  }

  /** Something that the agent goes on with. */
  problem(error: unknown): void {
    const text = problemText(error);
    if (text !== this.#problem) this.#log(text);
    this.#problem = text;
  }

  engine({ isUp, message }: EngineState): void {
    this.#log(isUp ? 'The engine answers' : `The engine does not answer: ${message}`);
  }

  step({ kind, name, reason, state, message }: StepReport): void {
    if (state === 'waiting' || state === 'running') return;
    this.#log(`${kind} ${name} (${reason}): ${state}${message === undefined ? '' : `: ${message}`}`);
  }

  #explain(name: string, admission: KnownHost['admission']): void {
    const explanation = explanations[admission];
    if (explanation !== undefined) this.#log(explanation(`agora host approve ${name} ${this.#fingerprint}`));
  }
}

const explanations: Readonly<Record<KnownHost['admission'], ((approve: string) => string) | undefined>> = {
  pending: (approve) => `Waiting for an admin of the server to let it in: ${approve}`,
  admitted: undefined,
  revoked: () => 'Its server let go of it: nothing is applied, what runs is left as it is',
  duplicate: (approve) =>
    `Another agent uses its key: nothing is applied, what runs is left as it is. Stop the one too many, then: ${approve}`,
};

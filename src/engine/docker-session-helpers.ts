import { hostLabels } from '../contracts/fleet-names.ts';
import type { DockerConnection } from './docker-connection.ts';
import { leftSessionHelpers } from './docker-host-dependents.ts';
import type { HelperContainer, HostEngine } from './host-engine.ts';
import { sessionHelperLabels } from './session-helper.ts';

export interface SessionHelpersOptions {
  readonly connection: DockerConnection;
  readonly engine: Pick<HostEngine, 'runHelper' | 'removeContainer'>;
  /** Of the container that we are in. */
  readonly image: string;
  readonly log: (line: string) => void;
}

/** Containers of our own image that serve sessions with others. Those that an agent left go before the first. */
export class SessionHelpers {
  readonly #options: SessionHelpersOptions;
  #swept: Promise<void> | undefined;
  #running = 0;
  /** Of a helper that failed, something may be left. */
  #mayHaveLeft = false;

  constructor(options: SessionHelpersOptions) {
    this.#options = options;
  }

  /** For a container of these labels, to its end. */
  async run(
    served: Readonly<Record<string, string>>,
    helper: Omit<HelperContainer, 'image' | 'labels'>,
  ): Promise<Uint8Array> {
    const { engine, image } = this.#options;
    const owner = served[hostLabels.host];
    if (owner !== undefined) this.#swept ??= this.#sweep(owner);
    this.#running += 1;
    try {
      await this.#swept;
      return await engine.runHelper({ ...helper, image, labels: sessionHelperLabels(served) });
    } catch (error) {
      this.#mayHaveLeft = true;
      throw error;
    } finally {
      this.#running -= 1;
      this.#sweepAgain();
    }
  }

  /** Only while none runs, because all that are found go. */
  #sweepAgain(): void {
    if (this.#running > 0 || !this.#mayHaveLeft) return;
    this.#mayHaveLeft = false;
    this.#swept = undefined;
  }

  /** Whatever state they are in: what an agent began that was killed, or whose engine was restarted. */
  async #sweep(owner: string): Promise<void> {
    const { connection, engine, log } = this.#options;
    try {
      for (const id of await leftSessionHelpers(connection, owner)) await engine.removeContainer(id);
    } catch (error) {
      this.#mayHaveLeft = true;
      log(error instanceof Error ? error.message : String(error));
    }
  }
}

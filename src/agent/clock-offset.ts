import type { RoundTrip } from './heartbeat.ts';

/** Where times of server and host are this far apart, people are told. */
const notableMs = 30_000;

/** How far the server's clock is ahead of this host's. Times that are told are of the server's clock. */
export class ClockOffset {
  readonly #log: (line: string) => void;
  #offsetMs = 0;
  #isTold = false;

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  learn(serverTime: string, { sentAt, receivedAt }: RoundTrip): void {
    this.#offsetMs = Date.parse(serverTime) - (sentAt + receivedAt) / 2;
    const isFar = Math.abs(this.#offsetMs) > notableMs;
    if (isFar && !this.#isTold) {
      const seconds = Math.round(Math.abs(this.#offsetMs) / 1000);
      this.#log(`The clock of this host is ${seconds} s ${this.#offsetMs > 0 ? 'behind' : 'ahead of'} the server's`);
    }
    this.#isTold = isFar;
  }

  /** A time of this host, on the server's clock. */
  corrected(at: number): string {
    return new Date(at + this.#offsetMs).toISOString();
  }
}

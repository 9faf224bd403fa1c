import type { FramePort } from '../session/frame-link.ts';

/** A port that can tell when everything that was sent through it has left. */
export class DrainedPort implements FramePort {
  readonly #port: FramePort;
  #underWay = 0;
  #drained = Promise.withResolvers<void>();

  constructor(port: FramePort) {
    this.#port = port;
  }

  send(message: Uint8Array, onSent: () => void): void {
    this.#underWay += 1;
    this.#port.send(message, () => {
      // It may send the next, and then all has not left yet.
      onSent();
      this.#underWay -= 1;
      if (this.#underWay > 0) return;
      this.#drained.resolve();
      this.#drained = Promise.withResolvers();
    });
  }

  end(code: number, reason: string): void {
    this.#port.end(code, reason);
  }

  async drained(): Promise<void> {
    if (this.#underWay > 0) await this.#drained.promise;
  }
}

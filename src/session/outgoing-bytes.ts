import { type Accept, sessionLimits } from '../contracts/session-wire.ts';
import { ByteLog } from './byte-log.ts';
import { Flow } from './flow.ts';
import type { LinkStream } from './link-stream.ts';

type Promised = Pick<Accept, 'input' | 'window' | 'credit'>;

/** How long the other side has to say that it took the last bytes. One of an older release is silent about less than a quarter of a window. */
const lastWordMs = 30_000;

/** Input on its way, kept until the other side has taken it. */
export class OutgoingBytes {
  /** Twice the largest window: what the other side has not taken, and as much again that waits for credit. */
  readonly #log = new ByteLog(2 * sessionLimits.copyWindowBytes);
  #flow = new Flow(0, 0);
  #windowBytes = 0;
  #isEnded = false;
  #isEndSent = false;
  #isClosed = false;
  #stream: LinkStream | undefined;
  #awaited = Promise.withResolvers<void>();
  #lastWord: NodeJS.Timeout | undefined;
  readonly #delivered = Promise.withResolvers<void>();

  /** Resolves when the other side has taken all of it and its end, or should have said so by now, or none is taken any more. */
  get delivered(): Promise<void> {
    return this.#delivered.promise;
  }

  /** Offset up to which the other side has it. */
  get taken(): number {
    return this.#log.start;
  }

  /** Resolves when there is room for more. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += sessionLimits.pieceBytes) {
      while (!this.#isClosed && this.#isFull()) await this.#awaited.promise;
      if (this.#isClosed) return;
      this.#log.append('input', bytes.subarray(at, at + sessionLimits.pieceBytes));
      this.#pump();
    }
  }

  end(): void {
    this.#isEnded = true;
    this.#pump();
  }

  /** What is written from now on goes nowhere. */
  close(): void {
    this.#isClosed = true;
    this.pause();
    this.#delivered.resolve();
    this.#wake();
  }

  /** There is no stream for now. */
  pause(): void {
    this.#stream = undefined;
    clearTimeout(this.#lastWord);
  }

  /** The other side has all up to `input`, and takes it up to `credit`. What is wrong with that. */
  resume({ input, window, credit }: Promised, stream: LinkStream): string | undefined {
    if (input < this.#log.start || input > this.#log.end) return `input ${input} was never sent, or was taken`;
    this.#stream = stream;
    this.#windowBytes = window;
    this.#flow = new Flow(input, window, credit);
    this.#isEndSent = false;
    this.#takenUpTo(input);
    return undefined;
  }

  /** What is wrong with it; undefined when it is taken. */
  credit(offset: number): string | undefined {
    const problem = this.#flow.credit(offset);
    if (problem !== undefined) return problem;
    const taken = offset - this.#windowBytes;
    this.#takenUpTo(Math.min(taken, this.#flow.next));
    if (this.#isEndSent && taken >= this.#log.end) this.#delivered.resolve();
    return undefined;
  }

  #takenUpTo(offset: number): void {
    this.#log.drop(offset);
    this.#pump();
    this.#awaitLastWord();
    this.#wake();
  }

  #awaitLastWord(): void {
    clearTimeout(this.#lastWord);
    const untoldBytes = this.#log.end - this.#log.start;
    if (!this.#isEndSent || untoldBytes >= this.#windowBytes / 4) return;
    this.#lastWord = setTimeout(() => this.#delivered.resolve(), lastWordMs).unref();
  }

  #pump(): void {
    const [stream, flow] = [this.#stream, this.#flow];
    if (stream === undefined) return;
    while (flow.room > 0) {
      const part = this.#log.read(flow.next, Math.min(flow.room, sessionLimits.pieceBytes));
      if (part === undefined) break;
      stream.send(part);
      flow.data(flow.next, part.bytes.length);
    }
    if (!this.#isEnded || this.#isEndSent || flow.next < this.#log.end) return;
    this.#isEndSent = true;
    stream.send({ type: 'end', offset: flow.next });
    this.#awaitLastWord();
  }

  #isFull(): boolean {
    return this.#log.end - this.#log.start >= sessionLimits.copyWindowBytes;
  }

  #wake(): void {
    this.#awaited.resolve();
    this.#awaited = Promise.withResolvers();
  }
}

import { randomBytes } from 'node:crypto';
import {
  type Accept,
  type AgentEvent,
  type CallerEvent,
  type Close,
  type CloseCode,
  callerEventSchema,
  type SessionSpec,
  sessionLimits,
} from '../contracts/session-wire.ts';
import type { ByteLog } from './byte-log.ts';
import { closeOf, cutText } from './close-of.ts';
import { Flow } from './flow.ts';
import type { StreamFrame } from './frame.ts';
import { FrameLine } from './frame-line.ts';
import type { LinkStream } from './link-stream.ts';
import type { Exit } from './source.ts';

/** How the output of a session ended: by itself, with its exit where it has one, or by a failure. */
export type Ending = { readonly exit: Exit | undefined } | { readonly failure: Close };

/** What a seat asks of its session. */
export interface SeatOwner {
  readonly log: ByteLog;
  /** How the session ended, once all output is in the log. */
  readonly ended: Ending | undefined;
  /** Resolves when it was taken. */
  write(bytes: Uint8Array): Promise<void>;
  /** Resolves when it was taken, where it is the end for all. */
  inputEnded(): Promise<void>;
  /** A size or a signal. Raises why it did not go through. */
  event(event: CallerEvent): Promise<void>;
  /** Its viewer has read on. */
  hasRead(): void;
  /** Its stream is gone; it may come back unless its viewer is done. */
  left(seat: Seat, close: Close): void;
}

/** How a stream is closed whose viewer may take their seat again. */
export const comesBack: readonly CloseCode[] = ['detached', 'host-away', 'server-stopping'];

/** One viewer of a session, here or away. */
export class Seat {
  readonly key: string;
  readonly actor: string;
  readonly spec: SessionSpec;
  readonly #owner: SeatOwner;
  readonly #windowBytes: number;
  #stream: LinkStream | undefined;
  #output: Flow;
  #outputWindow = 0;
  #isOutputEndSent = false;
  #consumed: number;
  readonly #input: Flow;
  /** Input that was not taken yet. */
  readonly #typed = new FrameLine();
  #isPassing = false;
  #inputTaken = 0;
  #inputCredit = 0;

  /** Of a new viewer, who sees the log from `start` on. */
  constructor(owner: SeatOwner, { key, actor, spec, start, windowBytes }: SeatOptions) {
    this.key = key ?? randomBytes(32).toString('base64url');
    this.#owner = owner;
    this.actor = actor;
    this.spec = spec;
    this.#windowBytes = windowBytes;
    this.#output = new Flow(start, 0);
    this.#input = new Flow(0, windowBytes);
    this.#consumed = start;
  }

  get isHere(): boolean {
    return this.#stream !== undefined;
  }

  /** Offset up to which its viewer has read. */
  get consumed(): number {
    return this.#consumed;
  }

  /** How much output may be under way to it, in bytes. */
  get outputWindow(): number {
    return this.#outputWindow;
  }

  /** Once all of it went in. */
  get isInputEnded(): boolean {
    return this.#input.isEnded && this.#inputTaken === this.#input.next;
  }

  /** Its viewer is here, for the first time or again, has all output up to `received`, and takes it up to `credit`. */
  sit(stream: LinkStream, { received, window, credit }: Sitting, told: Told): void {
    this.#stream?.close({ code: 'detached', message: 'the same viewer came again' });
    this.#stream = stream;
    this.#consumed = Math.max(this.#consumed, Math.min(received, this.#owner.log.end));
    const start = Math.max(received, this.#owner.log.start);
    this.#output = new Flow(received, window, credit);
    this.#output.gap(start);
    this.#outputWindow = window;
    this.#isOutputEndSent = false;
    // Input that was not taken yet still uses up credit.
    this.#inputCredit = this.#inputTaken + this.#windowBytes;
    this.#input.credit(this.#inputCredit);
    const promised = { window: this.#windowBytes, credit: this.#inputCredit };
    const accept = { ...told, seat: this.key, output: start, input: this.#input.next, ...promised } satisfies Accept;
    stream.send({ type: 'accept', json: accept });
    this.#tellExit();
    this.pump();
  }

  /** Sends what it may of what there is. */
  pump(): void {
    const { log, ended } = this.#owner;
    const [stream, output] = [this.#stream, this.#output];
    if (stream === undefined || this.#isOutputEndSent) return;
    // Told only when there is room to send: until then more of the log may be forgotten.
    if (output.room > 0 && output.next < log.start) {
      output.gap(log.start);
      this.#tell({ event: 'gap', offset: log.start });
    }
    while (output.room > 0) {
      const part = log.read(output.next, Math.min(output.room, sessionLimits.pieceBytes));
      if (part === undefined) break;
      stream.send(part);
      output.data(output.next, part.bytes.length);
    }
    if (ended === undefined || output.next < log.end) return;
    this.#isOutputEndSent = true;
    if ('failure' in ended) this.#fail(stream, ended.failure);
    else stream.send({ type: 'end', offset: output.next });
  }

  /** All output is in the log. */
  outputEnded(): void {
    this.#tellExit();
    this.pump();
  }

  /** For a person, where one is here. */
  notice(text: string): void {
    this.#tell({ event: 'notice', text: cutText(text, 1_024) });
  }

  close(close: Close): void {
    this.#stream?.close(close);
    this.#stream = undefined;
  }

  take(frame: StreamFrame): void {
    const problem = this.#taken(frame);
    if (problem !== undefined) this.#stream?.fail('protocol', problem);
  }

  /** Its stream was closed by the other side, or with its link. */
  closed(stream: LinkStream, close: Close): void {
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    this.#owner.left(this, close);
  }

  #taken(frame: StreamFrame): string | undefined {
    switch (frame.type) {
      case 'data': {
        if (frame.channel !== 'input') return 'a caller sends input only';
        const problem = this.#input.data(frame.offset, frame.bytes.length);
        if (problem === undefined) this.#typed.add(frame);
        void this.#passAll();
        return problem;
      }
      case 'end': {
        const problem = this.#input.end(frame.offset);
        if (problem === undefined) void this.#passAll();
        return problem;
      }
      case 'credit': {
        const problem = this.#output.credit(frame.offset);
        if (problem !== undefined) return problem;
        this.#consumed = Math.max(this.#consumed, Math.min(frame.offset - this.#outputWindow, this.#output.next));
        this.#owner.hasRead();
        this.pump();
        return undefined;
      }
      case 'control': {
        const event = callerEventSchema.safeParse(frame.json);
        if (event.data === undefined) return 'there is no such event';
        void this.#owner.event(event.data).catch((error) => this.notice(closeOf(error).message));
        return undefined;
      }
      case 'accept':
        return 'a caller accepts nothing';
    }
  }

  /** One part after the other: what comes meanwhile is joined, whatever frames it came in. */
  async #passAll(): Promise<void> {
    if (this.#isPassing) return;
    this.#isPassing = true;
    for (let part = this.#typed.take(); part?.type === 'data'; part = this.#typed.take()) {
      await this.#owner.write(part.bytes);
      this.#inputTaken += part.bytes.length;
      const credit = this.#inputTaken + this.#windowBytes;
      // A frame of credit for every byte typed would be too many.
      if (credit - this.#inputCredit >= this.#windowBytes / 4) this.#grant(credit);
    }
    this.#isPassing = false;
    if (!this.#input.isEnded) return;
    await this.#owner.inputEnded();
    // To the byte: whoever waits for all of it to arrive compares this credit.
    this.#grant(this.#inputTaken + this.#windowBytes);
  }

  #grant(credit: number): void {
    this.#inputCredit = credit;
    this.#input.credit(credit);
    this.#stream?.send({ type: 'credit', offset: credit });
  }

  /** Closes after what was sent: an abrupt close would drop what still waits. */
  #fail(stream: LinkStream, failure: Close): void {
    stream.closeAfter(failure);
    this.closed(stream, failure);
  }

  #tellExit(): void {
    const { ended } = this.#owner;
    const exit = ended !== undefined && 'exit' in ended ? ended.exit : undefined;
    if (exit !== undefined) this.#tell({ event: 'exit', ...exit });
  }

  #tell(event: AgentEvent): void {
    this.#stream?.send({ type: 'control', json: event });
  }
}

export interface SeatOptions {
  /** As its viewer chose it, if they did. */
  readonly key: string | undefined;
  readonly actor: string;
  /** What it was opened with. */
  readonly spec: SessionSpec;
  /** Offset of output. */
  readonly start: number;
  /** Of input that may be under way. */
  readonly windowBytes: number;
}

export interface Sitting {
  readonly received: number;
  readonly window: number;
  /** Offset; what the viewer has received and not read counts. */
  readonly credit: number;
}

export type Told = Pick<Accept, 'sessionId' | 'terminal' | 'lingerSeconds'>;

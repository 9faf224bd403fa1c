import type { Close, CloseCode } from '../contracts/session-wire.ts';
import { closeOf } from './close-of.ts';
import type { Frame, StreamFrame } from './frame.ts';

export interface StreamHandler {
  onFrame(frame: StreamFrame): void;
  /** Nothing comes any more. Not told of the close that this side asked for. */
  onClose(close: Close): void;
}

interface StreamWay {
  send(frame: Frame): void;
  /** `drops`: what it still had to send is not to leave any more. */
  closed(drops: boolean): void;
  /** Whether data of it waits to be sent. */
  hasData(): boolean;
  /** Its handler raised something. */
  defect(error: unknown): void;
}

/** This side of one stream. */
export class LinkStream {
  readonly number: number;
  readonly #way: StreamWay;
  #handler: StreamHandler | undefined;
  #isClosed = false;

  constructor(number: number, handler: StreamHandler | undefined, way: StreamWay) {
    this.number = number;
    this.#handler = handler;
    this.#way = way;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether it is closed, and data that was sent before waits for the other side to read. */
  get isLeaving(): boolean {
    return this.#isClosed && this.#way.hasData();
  }

  /** After a close nothing is sent. */
  send(frame: Exclude<Frame, { readonly type: 'close' }>): void {
    if (!this.#isClosed) this.#way.send(frame);
  }

  /** What was sent before it and is still here does not leave any more. */
  close(close: Close): void {
    this.#end(close, true);
  }

  /** What was sent before it still arrives. */
  closeAfter(close: Close): void {
    this.#end(close, false);
  }

  /** Both sides are told. */
  fail(code: CloseCode, message: string): void {
    if (this.#isClosed) return;
    this.close({ code, message });
    this.#handle((handler) => handler.onClose({ code, message }));
  }

  /** A defect of this side, which ends this stream alone. */
  failBy(error: unknown): void {
    this.#way.defect(error);
    const { code, message } = closeOf(error);
    this.fail(code, message);
  }

  handleBy(handler: StreamHandler): void {
    this.#handler = handler;
  }

  /** For the link alone, as the next. */
  received(frame: StreamFrame): void {
    if (!this.#isClosed) this.#handle((handler) => handler.onFrame(frame));
  }

  ended(close: Close): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#handle((handler) => handler.onClose(close));
  }

  #handle(act: (handler: StreamHandler) => void): void {
    try {
      if (this.#handler !== undefined) act(this.#handler);
    } catch (error) {
      this.failBy(error);
    }
  }

  #end(close: Close, drops: boolean): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#way.closed(drops);
    this.#way.send({ type: 'close', json: close });
  }
}

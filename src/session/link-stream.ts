import type { Close, CloseCode } from '../contracts/session-wire.ts';
import type { Frame, StreamFrame } from './frame.ts';

export interface StreamHandler {
  onFrame(frame: StreamFrame): void;
  /** Nothing comes any more. Not told of the close that this side asked for. */
  onClose(close: Close): void;
}

/** Without data, of one stream and not sent yet: more than these, and the other side asks without reading. */
const mostWithoutData = 64;

interface StreamWay {
  send(frame: Frame): void;
  /** Whether what it still had to send is not wanted any more. */
  closed(drops: boolean): void;
}

/** This side of one stream. */
export class LinkStream {
  readonly number: number;
  readonly #way: StreamWay;
  #handler: StreamHandler | undefined;
  #withoutData = 0;
  #isClosed = false;

  constructor(number: number, handler: StreamHandler | undefined, way: StreamWay) {
    this.number = number;
    this.#handler = handler;
    this.#way = way;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** After a close nothing is sent. */
  send(frame: Exclude<Frame, { readonly type: 'close' }>): void {
    if (this.#isClosed) return;
    if (frame.type !== 'data') this.#withoutData += 1;
    if (this.#withoutData > mostWithoutData) this.fail('limit-exceeded', 'the other side does not read');
    else this.#way.send(frame);
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
    this.#handler?.onClose({ code, message });
  }

  handleBy(handler: StreamHandler): void {
    this.#handler = handler;
  }

  /** For the link alone, as the next two. */
  received(frame: StreamFrame): void {
    if (!this.#isClosed) this.#handler?.onFrame(frame);
  }

  ended(close: Close): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#handler?.onClose(close);
  }

  leaves(frame: Frame): void {
    if (frame.type !== 'data') this.#withoutData -= 1;
  }

  #end(close: Close, drops: boolean): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#way.closed(drops);
    this.#way.send({ type: 'close', json: close });
  }
}

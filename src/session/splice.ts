import { isAppError } from '../contracts/errors.ts';
import {
  type Accept,
  type AgentEvent,
  acceptSchema,
  agentEventSchema,
  type Close,
  callerEventSchema,
  type Open,
} from '../contracts/session-wire.ts';
import { closeOf } from './close-of.ts';
import { Flow } from './flow.ts';
import type { DataFrame, StreamFrame } from './frame.ts';
import type { LinkStream, StreamHandler } from './link-stream.ts';
import { SpliceClock, type SpliceTimes } from './splice-clock.ts';

export interface SpliceOptions {
  /** The stream that a caller opened. */
  readonly caller: LinkStream;
  /** How much output may be under way, as the caller asked, in bytes. */
  readonly windowBytes: number;
  /** Where the caller comes back: its place in the output. */
  readonly resume?: Open['resume'];
  /** Whether output may come in channel `error`; that of a terminal never does. Default: true. */
  readonly hasErrors?: boolean;
  /** Opens the stream to the agent; undefined where that cannot be. */
  readonly openAgent: (handler: StreamHandler) => LinkStream | undefined;
  /** How long it may take, idle and last. */
  readonly times?: SpliceTimes;
  /** Told that the agent took it. */
  readonly onAccept?: (accept: Accept) => void;
  /** Told once, however it ended. */
  readonly onEnd: (end: SpliceEnd) => void;
}

export interface CarriedBytes {
  readonly inputBytes: number;
  readonly outputBytes: number;
}

export interface SpliceEnd extends CarriedBytes {
  readonly close: Close;
}

/** A lost link of the caller, as the agent is told of it: the session waits for the viewer to come back. */
const leave: Close = { code: 'detached', message: "the viewer's link was lost" };
const away: Close = { code: 'host-away', message: 'the host has no link to the server for now' };

/** Two streams as one, credit and all: nothing is kept here beyond what either side may have under way, and neither is trusted. */
export class Splice {
  readonly #options: SpliceOptions;
  readonly #agent: LinkStream | undefined;
  #output: Flow | undefined;
  #input: Flow | undefined;
  #hasErrors = true;
  readonly #bytes = { input: 0, output: 0 };
  readonly #clock: SpliceClock;
  #isOver = false;

  constructor(options: SpliceOptions) {
    this.#options = options;
    const { caller } = options;
    this.#clock = new SpliceClock(options.times ?? {}, {
      onNotice: (text) => caller.send({ type: 'control', json: { event: 'notice', text } satisfies AgentEvent }),
      onEnd: (close) => this.close(close),
    });
    this.#agent = this.#openAgent({
      onFrame: (frame) => this.#pass(frame, caller, this.#fromAgent(frame)),
      onClose: (close) => this.#end(close, caller),
    });
  }

  /** So far. */
  get carried(): CarriedBytes {
    return { inputBytes: this.#bytes.input, outputBytes: this.#bytes.output };
  }

  /** Handles the caller's stream. */
  get handler(): StreamHandler {
    return {
      onFrame: (frame) => this.#pass(frame, this.#agent, this.#fromCaller(frame)),
      onClose: (close) => this.#end(close.code === 'host-away' ? leave : close, this.#agent),
    };
  }

  /** Ends both sides. */
  close(close: Close): void {
    if (this.#isOver) return;
    this.#agent?.close(close.code === 'server-stopping' ? leave : close);
    this.#end(close, this.#options.caller);
  }

  #openAgent(handler: StreamHandler): LinkStream | undefined {
    try {
      const agent = this.#options.openAgent(handler);
      if (agent === undefined) this.#end(away, this.#options.caller);
      return agent;
    } catch (error) {
      if (!isAppError(error)) throw error;
      this.#end(closeOf(error), this.#options.caller);
      return undefined;
    }
  }

  #pass(frame: StreamFrame, to: LinkStream | undefined, problem: string | undefined): void {
    if (this.#isOver) return;
    if (problem === undefined) to?.send(frame);
    else this.close({ code: 'protocol', message: problem });
  }

  #end(close: Close, told: LinkStream | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#clock.stop();
    // What it said before still arrives.
    told?.closeAfter(close);
    this.#options.onEnd({ close, ...this.carried });
  }

  #fromAgent(frame: StreamFrame): string | undefined {
    if (frame.type === 'accept') return this.#accept(frame.json);
    if (this.#output === undefined || this.#input === undefined) return 'the agent did not accept it first';
    switch (frame.type) {
      case 'data':
        if (frame.channel === 'input') return 'an agent sends no input';
        if (frame.channel === 'error' && !this.#hasErrors) return 'all its output is of channel 1';
        return this.#counted('output', this.#output, frame);
      case 'end':
        return this.#output.end(frame.offset);
      case 'credit':
        return this.#input.credit(frame.offset);
      case 'control': {
        const event = agentEventSchema.safeParse(frame.json).data;
        if (event === undefined) return 'there is no such event of an agent';
        return event.event === 'gap' ? this.#output.gap(event.offset) : undefined;
      }
    }
  }

  #fromCaller(frame: StreamFrame): string | undefined {
    if (this.#output === undefined || this.#input === undefined) return 'it is not accepted yet';
    switch (frame.type) {
      case 'data':
        if (frame.channel !== 'input') return 'a caller sends input only';
        return this.#counted('input', this.#input, frame);
      case 'end':
        return this.#input.end(frame.offset);
      case 'credit':
        return this.#output.credit(frame.offset);
      case 'control':
        return callerEventSchema.safeParse(frame.json).success ? undefined : 'there is no such event of a caller';
      case 'accept':
        return 'a caller accepts nothing';
    }
  }

  #counted(direction: 'input' | 'output', flow: Flow, { offset, bytes }: DataFrame): string | undefined {
    const problem = flow.data(offset, bytes.length);
    if (problem !== undefined) return problem;
    this.#bytes[direction] += bytes.length;
    this.#clock.carried();
    return undefined;
  }

  #accept(json: unknown): string | undefined {
    const accept = acceptSchema.safeParse(json).data;
    if (accept === undefined) return 'it is accepted in no known way';
    if (this.#output !== undefined) return 'it was accepted already';
    this.#output = this.#newOutput(accept.output);
    this.#input = new Flow(accept.input, accept.window, accept.credit);
    this.#hasErrors = this.#options.hasErrors !== false && !accept.terminal;
    this.#options.onAccept?.(accept);
    // Last: this may end the splice at once, where its time is over.
    this.#clock.accepted();
    return undefined;
  }

  /** From `start` on; what is lost before it needs no credit. */
  #newOutput(start: number): Flow {
    const { windowBytes, resume } = this.#options;
    if (resume === undefined) return new Flow(start, windowBytes);
    return new Flow(start, windowBytes, resume.credit + Math.max(0, start - resume.received));
  }
}

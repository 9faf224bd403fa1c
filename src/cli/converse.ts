import { constants } from 'node:os';
import { AppError, exitCodes, isAppError } from '../contracts/errors.ts';
import { type Accept, type Open, sessionLimits } from '../contracts/session-wire.ts';
import type { CallerSession } from '../session/caller-session.ts';
import type { CommandContext } from './command.ts';
import { type Once, reopening } from './reopening.ts';
import type { ServerSessions } from './server-sessions.ts';
import { SessionTalk } from './session-talk.ts';
import { SessionTerminal } from './session-terminal.ts';
import { DetachKeys } from './terminal-input.ts';

export interface Conversation {
  /** Undefined of the server itself. */
  readonly host?: string;
  readonly session: Open['session'];
  /** Whether what is typed, or piped in, goes there. */
  readonly hasInput: boolean;
  /** With which a person at a terminal leaves. */
  readonly detachKeys: readonly number[];
  /** Whether its program was there before, so that its screen has to be drawn anew. */
  readonly isJoined: boolean;
  /** Whether another session may take the place of one that is lost. */
  readonly reopens: boolean;
}

/** Between two sizes of which a program is to see both. */
const redrawMs = 100;

/** Ties this process to a session until it ends or is left; the exit code. */
export async function converse(
  sessions: ServerSessions,
  conversation: Conversation,
  context: CommandContext,
): Promise<number> {
  const talk = new Conversing(sessions, conversation, context);
  try {
    return await talk.run();
  } finally {
    await talk.close();
  }
}

class Conversing {
  readonly #sessions: ServerSessions;
  readonly #conversation: Conversation;
  readonly #context: CommandContext;
  readonly #terminal: SessionTerminal;
  readonly #talk: SessionTalk;
  /** Of what this side wants no more. */
  readonly #over = new AbortController();
  #session: CallerSession;
  #accepted: Accept | undefined;
  #takesInput = false;
  #isInputEnded: boolean;

  constructor(sessions: ServerSessions, conversation: Conversation, context: CommandContext) {
    this.#sessions = sessions;
    this.#conversation = conversation;
    this.#context = context;
    this.#terminal = new SessionTerminal(context.stdout);
    this.#talk = new SessionTalk({
      output: context.stderr,
      modes: () => this.#terminal.modes,
      onDrawnOver: () => this.#redraw(),
    });
    this.#isInputEnded = !conversation.hasInput;
    this.#session = this.#newSession();
  }

  async run(): Promise<number> {
    const { stop, force } = this.#context;
    const onStop = () => this.#stop(String(stop.reason));
    const onForce = () => this.#over.abort(new AppError('interrupted', 'Stopped by a second signal'));
    stop.addEventListener('abort', onStop, { once: true });
    force.addEventListener('abort', onForce, { once: true });
    if (stop.aborted) onStop();
    try {
      return await reopening(() => this.#converseOnce(), this.#over.signal);
    } catch (error) {
      if (isAppError(error, 'interrupted')) return exitCodes.interrupted;
      throw error;
    } finally {
      stop.removeEventListener('abort', onStop);
      force.removeEventListener('abort', onForce);
    }
  }

  async close(): Promise<void> {
    this.#talk.close();
    await this.#terminal.leave();
  }

  #newSession(): CallerSession {
    const { host, session } = this.#conversation;
    return this.#sessions.session({
      open: { ...(host !== undefined && { host }), session, window: sessionLimits.windowBytes },
      signal: this.#over.signal,
      onAccept: (accept) => this.#begin(accept),
      onNotice: (text) => this.#talk.say(text),
      onAway: (isAway, reason) => this.#talk.away(isAway, reason),
    });
  }

  async #converseOnce(): Promise<Once<number>> {
    const shown = this.#show();
    shown.catch(() => undefined); // Looked at below.
    if (this.#isInputEnded) this.#session.endInput();
    try {
      const outcome = await this.#session.run();
      await shown;
      const value = outcome.kind === 'ended' ? (outcome.exit?.code ?? exitCodes.ok) : await this.#left();
      return { kind: 'over', value };
    } catch (error) {
      const isLost = this.#conversation.reopens && this.#accepted !== undefined && isAppError(error, 'unreachable');
      if (!isLost || this.#over.signal.aborted) throw error;
      this.#talk.say(`${error.message}; opening it anew`);
      this.#session = this.#newSession();
      return { kind: 'lost', reason: error };
    }
  }

  #begin(accept: Accept): void {
    const { hasInput, isJoined } = this.#conversation;
    const isAgain = this.#accepted !== undefined;
    this.#accepted = accept;
    this.#talk.away(false, '');
    const isTyped = hasInput && SessionTerminal.isThere;
    if (accept.terminal && isTyped) {
      this.#terminal.enter(() => this.#resize());
      if (isJoined || isAgain) this.#redraw();
      else this.#resize();
    }
    if (hasInput && !this.#takesInput) this.#takeInput(isTyped).catch((error: unknown) => this.#cutOff(error));
  }

  #resize(): void {
    this.#session.send({ event: 'resize', ...this.#terminal.size });
  }

  /** A size that is the same says nothing to a program: first it is another. */
  #redraw(): void {
    const { columns, rows } = this.#terminal.size;
    this.#session.send({ event: 'resize', columns, rows: rows + 1 });
    setTimeout(() => this.#resize(), redrawMs).unref();
  }

  #stop(name: string): void {
    const { hasInput, isJoined } = this.#conversation;
    // Ctrl-C on a raw terminal is a key, so that this comes from elsewhere: the program is not meant. Nor is it by who only looks.
    const isOwn = this.#terminal.modes !== undefined || name === 'SIGHUP' || (isJoined && !hasInput);
    if (this.#accepted === undefined) this.#over.abort(new AppError('interrupted', `Stopped by ${name}`));
    else if (isOwn) this.#session.detach();
    else this.#session.send({ event: 'signal', name });
  }

  async #show(): Promise<void> {
    const { stdout, stderr } = this.#context;
    for await (const { channel, bytes } of this.#session.output()) {
      this.#terminal.modes?.take(bytes);
      try {
        await (channel === 'error' ? stderr : stdout).write(bytes);
      } catch (error) {
        if (this.#cutOff(error)) return;
        throw error;
      }
    }
  }

  /** Who reads no more wants no more; only a terminal that was hung up is one that was left, which is told. */
  #cutOff(error: unknown): boolean {
    const isHungUp = this.#terminal.modes !== undefined;
    if (isHungUp) this.#session.detach();
    else this.#over.abort(error);
    return isHungUp;
  }

  async #takeInput(isTyped: boolean): Promise<void> {
    this.#takesInput = true;
    const keys = new DetachKeys(isTyped ? this.#conversation.detachKeys : []);
    for await (const typed of this.#context.stdin) {
      const { bytes, isDetached } = keys.take(typed);
      if (bytes.length > 0) await this.#session.write(bytes);
      if (isDetached) return this.#session.detach();
    }
    // Ctrl-D is a key there: a terminal ends when it is hung up, which must not end what others may come back to.
    if (this.#terminal.modes !== undefined) return this.#session.detach();
    this.#isInputEnded = true;
    this.#session.endInput();
  }

  async #left(): Promise<number> {
    const { stop, stderr } = this.#context;
    // What was typed last stays as it is.
    if (this.#terminal.modes?.isAlternate === false && stderr.isTerminal) await stderr.write('\r\n');
    await this.#terminal.leave();
    const { sessionId = '', lingerSeconds = 0 } = this.#accepted ?? {};
    const minutes = Math.round(lingerSeconds / 60);
    this.#talk.say(`left; it waits ${minutes} min for you: agora host join ${sessionId}`);
    return stop.aborted ? 128 + (constants.signals[stop.reason as NodeJS.Signals] ?? 0) : exitCodes.ok;
  }
}

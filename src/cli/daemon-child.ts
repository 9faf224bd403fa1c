import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { sleep, withDeadline } from '../base/deadline.ts';
import { AppError } from '../contracts/errors.ts';
import { isPresent, notReadyYet } from '../orchestrator/presence.ts';
import type { MailboxSubmissionTransport } from '../orchestrator/submission-transport.ts';
import { cliProgram } from './cli-program.ts';

export interface DaemonChildOptions {
  /** Where it runs, and finds its config. */
  readonly folder: string;
  readonly transport: MailboxSubmissionTransport;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly allowUnsandboxed: boolean;
  readonly signal: AbortSignal;
}

const startDeadlineMs = 20_000;
const stopDeadlineMs = 10_000;
const pollMs = 50;
const keptTalkLength = 8_192;

/** An `agora orch serve` of our own, gone when this is disposed. */
export class DaemonChild implements AsyncDisposable {
  readonly #child: ChildProcess;
  #talk = '';

  private constructor(options: DaemonChildOptions) {
    const [file = '', ...first] = cliProgram;
    const words = ['orch', 'serve', ...(options.allowUnsandboxed ? ['--allow-unsandboxed'] : [])];
    this.#child = spawn(file, [...first, ...words], {
      cwd: options.folder,
      env: options.env,
      stdio: ['ignore', 'ignore', 'pipe'],
      // A group of its own: Ctrl-C in the terminal is ours to handle, in order.
      detached: true,
    });
    this.#child.on('error', (error) => this.#keep(error.message));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#keep(text));
  }

  /** Resolves once it beats. */
  static async start(options: DaemonChildOptions): Promise<DaemonChild> {
    const daemon = new DaemonChild(options);
    try {
      await daemon.#beats(options);
      return daemon;
    } catch (error) {
      await daemon[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Throws with what it said when it ended by itself. */
  assertRunning(): void {
    if (this.#hasEnded()) throw this.#failure('Cannot go on with the daemon: it ended');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The second signal makes it stop what still runs; the last one it cannot refuse.
    for (const signal of ['SIGTERM', 'SIGTERM', 'SIGKILL'] as const) {
      if (this.#hasEnded()) return;
      this.#child.kill(signal);
      await this.#ended(stopDeadlineMs);
    }
  }

  async #beats({ transport, signal }: DaemonChildOptions): Promise<void> {
    const deadline = withDeadline(startDeadlineMs);
    for (;;) {
      signal.throwIfAborted();
      const presence = await transport.presence();
      const isReady = presence?.pid === this.#child.pid && presence?.compute !== notReadyYet;
      if (isReady && isPresent(presence, Date.now())) return;
      if (this.#hasEnded()) throw this.#failure('Cannot start the daemon: it ended');
      if (deadline.aborted) throw this.#failure('Cannot start the daemon: it does not answer');
      await sleep(pollMs);
    }
  }

  #keep(text: string): void {
    this.#talk = (this.#talk + text).slice(-keptTalkLength);
  }

  #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined;
  }

  async #ended(timeoutMs: number): Promise<void> {
    if (this.#hasEnded()) return;
    try {
      await once(this.#child, 'exit', { signal: withDeadline(timeoutMs) });
    } catch {
      // Still there after the deadline: the caller goes on to the next signal.
    }
  }

  #failure(message: string): AppError {
    const talk = this.#talk.trim();
    return new AppError('unreachable', talk === '' ? message : `${message}\n${talk.replace(/^/gm, '  ')}`, {
      next: 'agora doctor',
    });
  }
}

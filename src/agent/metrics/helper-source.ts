import { PassThrough } from 'node:stream';
import { sleep, withDeadline } from '../../base/deadline.ts';
import { AppError } from '../../contracts/errors.ts';
import type { HostEngine } from '../../engine/host-engine.ts';
import { helperLabels, removeLeftHelpers } from '../left-helpers.ts';
import { readingSchema } from './helper-wire.ts';
import type { Reading, ReadingRequest, ReadingSource } from './reading.ts';

export interface HelperSourceOptions {
  readonly engine: HostEngine;
  /** The agent's own image. */
  readonly image: string;
  /** Runs `helper-main` in that image, the host's root as its last word. */
  readonly command: readonly string[];
  /** Undefined before the agent is registered: then there is no helper yet. */
  readonly hostId: () => string | undefined;
}

/** Where the helper has the host's root. */
export const hostRoot = '/host';
const helperName = 'metrics';
const answerMs = 10_000;
const mostLineBytes = 4 * 1024 * 1024;

interface Running {
  readonly requests: PassThrough;
  readonly end: AbortController;
  readonly ended: Promise<unknown>;
  answer: ((line: string) => void) | undefined;
}

/** Looks at a host through one small container of the agent's own image, which sees the host's files and may not write them. */
export class HelperSource implements ReadingSource {
  readonly #options: HelperSourceOptions;
  #running: Running | undefined;

  constructor(options: HelperSourceOptions) {
    this.#options = options;
  }

  /** One at a time. Fails when the engine refuses the container, or it ends or is silent; the next one starts another. */
  async read(request: ReadingRequest, signal: AbortSignal): Promise<Reading> {
    const running = this.#running ?? (await this.#start(signal));
    const limited = withDeadline(answerMs, signal);
    try {
      const line = await this.#ask(running, request, limited);
      return readingSchema.parse(JSON.parse(line));
    } catch (error) {
      await this.close();
      signal.throwIfAborted();
      if (!limited.aborted) throw error;
      throw new AppError(
        'not-ready',
        `Cannot read the metrics of this host: its helper said nothing in ${answerMs} ms`,
      );
    }
  }

  async close(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    running.requests.end();
    running.end.abort();
    await running.ended.catch(() => undefined);
  }

  async #ask(running: Running, request: ReadingRequest, signal: AbortSignal): Promise<string> {
    const answered = new Promise<string>((resolve) => {
      running.answer = resolve;
    });
    const over = new AbortController();
    running.requests.write(`${JSON.stringify(request)}\n`);
    try {
      const tooLate = sleep(answerMs, AbortSignal.any([signal, over.signal]));
      const line = await Promise.race([answered, running.ended, tooLate]);
      if (typeof line === 'string') return line;
      throw new AppError('not-ready', 'Cannot read the metrics of this host: its helper ended');
    } finally {
      running.answer = undefined;
      over.abort();
    }
  }

  async #start(signal: AbortSignal): Promise<Running> {
    const { engine, image, command, hostId } = this.#options;
    const owner = hostId();
    if (owner === undefined) throw new AppError('not-ready', 'Cannot start the metrics helper: not registered yet');
    const known = { owner, name: helperName };
    await removeLeftHelpers(engine, known, signal);
    const requests = new PassThrough();
    const end = new AbortController();
    const lines = lineReader((line) => running.answer?.(line));
    const helper = {
      image,
      command: [...command, hostRoot],
      labels: helperLabels(known),
      binds: [`/:${hostRoot}:ro`],
      hostNamespaces: true,
      stdin: requests,
      onOutput: lines,
    };
    const ended = engine.runHelper(helper, end.signal);
    const running: Running = { requests, end, ended, answer: undefined };
    // Whoever waits for an answer hears of it; else the next one to ask.
    ended.then(
      () => this.#forget(running),
      () => this.#forget(running),
    );
    this.#running = running;
    return running;
  }

  #forget(running: Running): void {
    running.requests.end();
    if (this.#running === running) this.#running = undefined;
  }
}

function lineReader(onLine: (line: string) => void): (bytes: Uint8Array) => void {
  const decoder = new TextDecoder();
  let rest = '';
  return (bytes) => {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    // Whoever waits for it gives up in time.
    if (rest.length > mostLineBytes) rest = '';
    for (const line of lines) onLine(line);
  };
}

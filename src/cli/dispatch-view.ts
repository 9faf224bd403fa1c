import type { DispatchOptions, InFlightDispatch } from '../client/dispatch.ts';
import type { DispatchReport } from '../client/dispatch-report.ts';
import type { LogChunk } from '../compute/compute.ts';
import type { DispatchEvent } from '../contracts/dispatch.ts';
import { type ExitCode, exitCodes } from '../contracts/errors.ts';
import type { CommandContext, OptionValues } from './command.ts';
import { stageLines, verdictLines } from './dispatch-text.ts';
import { jsonText } from './json-text.ts';
import { type Output, say } from './output.ts';

/** How a dispatch that goes on is shown. */
export const viewOptions = {
  trace: { type: 'boolean', summary: 'Print what each stage took' },
  json: { type: 'boolean', summary: 'Print the result on one line' },
  quiet: { type: 'boolean', summary: 'Print nothing but the result' },
} as const;

/** Says on stderr what happens to a dispatch, with what its worker prints; the result goes to stdout. */
export class DispatchView {
  readonly #context: CommandContext;
  readonly #options: OptionValues<typeof viewOptions>;
  readonly #stderr: Output;
  /** Lines go out in the order they were said, whoever says them. */
  #said: Promise<void> = Promise.resolve();

  constructor(context: CommandContext, options: OptionValues<typeof viewOptions>) {
    this.#context = context;
    this.#options = options;
    this.#stderr = context.stderr;
  }

  /** What a dispatch tells it. */
  get listeners(): Required<Pick<DispatchOptions, 'onEvent' | 'onOutput' | 'onProgress' | 'onProblem'>> {
    return {
      onEvent: (event) => {
        for (const line of eventLines(event)) this.#say(line);
      },
      onOutput: (chunk) => this.#show(chunk),
      onProgress: (line) => this.#say(line),
      onProblem: (line) => this.#complain(line),
    };
  }

  /**
   * Waits for its acceptance and follows it to its end. A signal before it is accepted gives it up; after that the first
   * one cancels it, and the second leaves it where it is.
   */
  async follow(firing: Promise<InFlightDispatch>): Promise<ExitCode> {
    const dispatch = await Promise.race([firing, aborted(this.#context.stop)]);
    if (dispatch !== 'aborted') return this.#followAccepted(dispatch);
    firing.catch(() => undefined); // Nobody waits for it any more.
    this.#complain('given up before it was accepted');
    await this.#said;
    return exitCodes.interrupted;
  }

  async #followAccepted(dispatch: InFlightDispatch): Promise<ExitCode> {
    const { stop, force } = this.#context;
    const { dispatchId } = dispatch;
    const onStop = () => this.#complain(`cancelling ${dispatchId}; once more leaves it as it is`);
    stop.addEventListener('abort', onStop);
    if (stop.aborted) onStop();
    const report = await Promise.race([dispatch.exit, aborted(force)]);
    stop.removeEventListener('abort', onStop);
    if (report !== 'aborted') return this.#finish(report);
    this.#complain(`left ${dispatchId}; see what became of it: agora dispatch describe ${dispatchId}`);
    await this.#said;
    return exitCodes.interrupted;
  }

  async #finish(report: DispatchReport): Promise<ExitCode> {
    for (const line of verdictLines(report)) this.#say(line);
    if (this.#options.trace === true) for (const line of stageLines(report.stages)) this.#say(line);
    await this.#said;
    const { stages, ...result } = report;
    const shown = this.#options.trace === true ? { ...result, stages } : result;
    await say(this.#context.stdout, jsonText(shown, this.#options.json === true ? undefined : 2));
    if (this.#context.stop.aborted) return exitCodes.interrupted;
    return report.status === 'done' ? exitCodes.ok : exitCodes.no;
  }

  #show(chunk: LogChunk): Promise<void> {
    if (this.#options.quiet === true) return Promise.resolve();
    this.#said = this.#said.then(() => this.#stderr.write(chunk.bytes));
    return this.#said;
  }

  /** Told even when nothing else is. */
  #complain(line: string): void {
    this.#said = this.#said.then(() => say(this.#stderr, `agora: ${line}`));
  }

  #say(line: string): void {
    if (this.#options.quiet === true) return;
    this.#said = this.#said.then(() => say(this.#stderr, line));
  }
}

function aborted(signal: AbortSignal): Promise<'aborted'> {
  if (signal.aborted) return Promise.resolve('aborted');
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve('aborted'), { once: true }));
}

function eventLines(event: DispatchEvent): string[] {
  if (event.kind === 'dispatch.accepted') {
    const { runtime, model, network } = event.resolved;
    const named =
      model === undefined ? (runtime === 'command' ? '' : ', model as the runtime chooses') : `, model ${model}`;
    return [`dispatch ${event.dispatchId} accepted`, `runtime ${runtime}${named}, network ${network}`];
  }
  if (event.kind === 'dispatch.started') {
    const noun = event.provider.startsWith('process') ? 'worker' : 'container';
    return [`${noun} ${event.dispatchId} on ${event.provider}`];
  }
  return [];
}

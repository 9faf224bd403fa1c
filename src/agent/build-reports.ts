import { withDeadline } from '../base/deadline.ts';
import { type Backoff, retryDelayMs } from '../base/retry.ts';
import type { Build, BuildId, BuildLines, BuildPush, BuildsReport } from '../contracts/builds.ts';
import { isAppError } from '../contracts/errors.ts';
import type { BuildLog } from './build-log.ts';
import type { Link } from './link.ts';
import { Wake } from './wake.ts';

/** A build that the server does not know the end of yet. */
export interface ToldBuild {
  build: Build;
  readonly log: BuildLog;
  /** Whether the server has to be told of it. */
  isNews: boolean;
}

export interface BuildReportsOptions {
  readonly link: Pick<Link, 'call' | 'ready'>;
  /** Somebody wants this one to end. */
  readonly onCancel: (buildId: BuildId) => void;
  readonly log: (line: string) => void;
}

/** What comes in between goes together. */
const quietMs = 300;
/** While something is built, how long until the server is asked whether somebody wants it to end. */
const askMs = 5_000;
const backoff: Backoff = { delayMs: 250, maxDelayMs: 10_000 };
const refusedMs = 30_000;
const mostPushes = 100;
/** An agent that ends does not wait longer for its server. */
const lastMs = 2_000;

/** Tells the server of builds and their logs, in order; what it cannot be told waits. */
export class BuildReports {
  readonly #options: BuildReportsOptions;
  readonly #wake = new Wake();
  readonly #retry = new Wake();
  readonly #told = new Map<BuildId, ToldBuild>();
  #pushes: BuildPush[] = [];
  // The first report says which builds there are not any more, after a crash for instance.
  #isDue = true;

  constructor(options: BuildReportsOptions) {
    this.#options = options;
  }

  add(told: ToldBuild): void {
    this.#told.set(told.build.buildId, told);
    this.wake();
  }

  addPush(push: BuildPush): void {
    this.#pushes = [...this.#pushes, push].slice(-mostPushes);
    this.wake();
  }

  /** There is something to tell. */
  wake(): void {
    this.#wake.wake();
  }

  /** The server may not have what it was told before. */
  tellAll(): void {
    this.#isDue = true;
    for (const told of this.#told.values()) told.isNews = true;
    this.#retry.wake();
    this.wake();
  }

  /** Whether the server was told all. */
  get isTold(): boolean {
    return !this.#isDue && this.#pushes.length === 0 && [...this.#told.values()].every((told) => !hasNews(told));
  }

  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      await this.#options.link.ready(signal);
      if (this.isTold) await this.#wake.wait(this.#told.size === 0 ? Number.POSITIVE_INFINITY : askMs, signal);
      if (signal.aborted) return;
      try {
        await this.#tell(signal);
        failures = 0;
        await new Wake().wait(quietMs, signal);
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        await this.#waitAfter(error, failures, signal);
      }
    }
  }

  /** Once more, after `run`: a build that ended with its agent would seem to go on until that is back. */
  async tellLast(): Promise<void> {
    if (this.isTold) return;
    try {
      await this.#tell(withDeadline(lastMs));
    } catch {
      // The server learns of it when the agent is back.
    }
  }

  async #tell(signal: AbortSignal): Promise<void> {
    const parts = [...this.#told.values()].map((told) => partOf(told));
    const pushes = this.#pushes;
    const report: BuildsReport = {
      live: parts.filter(({ isLast }) => !isLast).map(({ lines }) => lines.buildId),
      builds: parts.flatMap(({ build }) => build ?? []),
      logs: parts.map(({ lines }) => lines).filter(({ lines }) => lines.length > 0),
      pushes,
    };
    const { cancel } = await this.#options.link.call('reportBuilds', { body: report }, { signal });
    this.#isDue = false;
    this.#pushes = this.#pushes.filter((push) => !pushes.includes(push));
    for (const part of parts) this.#accepted(part);
    for (const buildId of cancel) this.#options.onCancel(buildId);
  }

  #accepted({ told, build, lines, isLast }: Part): void {
    told.log.told(lines.first + lines.lines.length);
    if (told.build === build) told.isNews = false;
    if (isLast) this.#told.delete(lines.buildId);
  }

  async #waitAfter(error: unknown, failures: number, signal: AbortSignal): Promise<void> {
    const isAway = isAppError(error, 'unreachable') || isAppError(error, 'unauthenticated');
    const isRefused = isAppError(error, 'refused');
    if (!isAway && !isRefused)
      this.#options.log(`The server takes no report of builds: ${error instanceof Error ? error.message : error}`);
    const waitMs = isAway ? retryDelayMs(failures, backoff) : refusedMs;
    await this.#retry.wait(waitMs, signal);
  }
}

interface Part {
  readonly told: ToldBuild;
  /** Undefined where the server knows it as it is, or has to have its log first. */
  readonly build: Build | undefined;
  readonly lines: BuildLines;
  /** Whether nothing is left to tell of it after this. */
  readonly isLast: boolean;
}

function partOf(told: ToldBuild): Part {
  const { build, log, isNews } = told;
  const { first, lines } = log.next();
  const isEnded = build.endedAt !== undefined;
  const isWhole = log.isToldWith(lines.length);
  const isToTell = isNews && (!isEnded || isWhole);
  return {
    told,
    build: isToTell ? build : undefined,
    lines: { buildId: build.buildId, first, lines: [...lines] },
    isLast: isEnded && isWhole,
  };
}

function hasNews({ isNews, log }: ToldBuild): boolean {
  return isNews || !log.isEmpty;
}

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { sleep } from '../../base/deadline.ts';
import { systemErrorCode } from '../../contracts/errors.ts';
import type { GpuSample } from '../../contracts/metrics.ts';
import { applicationColumns, gpuColumns, gpusOf } from './nvidia-csv.ts';
import { monotonicMs } from './reading.ts';

const run = promisify(execFile);

export interface NvidiaOptions {
  /** Default: `nvidia-smi`, from the path. */
  readonly program?: string;
  /** How long an answer counts as the latest, in milliseconds. Default: 900, so that each live sample has its own. */
  readonly freshMs?: number;
  /** After how long a machine without the program is asked again. Default: ten minutes. */
  readonly absentMs?: number;
  /** How long a reader waits for an answer. Default: 2000. */
  readonly patienceMs?: number;
}

const defaults = {
  program: 'nvidia-smi',
  freshMs: 900,
  absentMs: 600_000,
  patienceMs: 2_000,
} satisfies NvidiaOptions;
/** A driver that was not kept loaded takes a second for each GPU. */
const longestMs = 20_000;
/** What a driver that is slow told last counts for three heartbeats. */
const slowMs = 30_000;
const mostBytes = 1024 * 1024;

interface Answer {
  readonly gpus: GpuSample[] | undefined;
  readonly atMs: number;
  readonly freshMs: number;
}

/** NVIDIA's GPUs, as its own program tells of them. */
export class Nvidia {
  readonly #options: Required<NvidiaOptions>;
  #asking: Promise<Answer> | undefined;
  #last: Answer | undefined;
  #isSlow = false;

  constructor(options: NvidiaOptions = {}) {
    this.#options = { ...defaults, ...options };
  }

  /**
   * Undefined where there is no such program, or no driver that answers it in time: one in trouble keeps its callers waiting, and not
   * even a kill may reach them. It is never asked twice at once, and while it is slow nobody waits for it again.
   */
  async read(): Promise<GpuSample[] | undefined> {
    const known = this.#knownFor(this.#last?.freshMs ?? 0);
    if (known !== undefined) return known.gpus;
    this.#asking ??= this.#ask();
    const answer = this.#isSlow ? undefined : await this.#inTime(this.#asking);
    return (answer ?? this.#knownFor(slowMs))?.gpus;
  }

  #knownFor(ms: number): Answer | undefined {
    const last = this.#last;
    return last !== undefined && monotonicMs() - last.atMs < ms ? last : undefined;
  }

  /** Undefined when it is late. */
  async #inTime(asking: Promise<Answer>): Promise<Answer | undefined> {
    const ended = new AbortController();
    const tooLate = sleep(this.#options.patienceMs, ended.signal).then(
      () => {
        this.#isSlow = true;
      },
      () => undefined, // It was in time.
    );
    const answer = await Promise.race([asking, tooLate]);
    ended.abort();
    return answer ?? undefined;
  }

  async #ask(): Promise<Answer> {
    const beganAtMs = monotonicMs();
    const { freshMs, absentMs, patienceMs } = this.#options;
    const [gpus, isAbsent] = await this.#gpus();
    const atMs = monotonicMs();
    this.#last = { gpus, atMs, freshMs: isAbsent ? absentMs : freshMs };
    this.#isSlow = atMs - beganAtMs >= patienceMs;
    this.#asking = undefined;
    return this.#last;
  }

  /** Never fails: what is not known is undefined. With whether there is no such program. */
  async #gpus(): Promise<readonly [GpuSample[] | undefined, boolean]> {
    try {
      const [gpus, applications] = await Promise.all([
        this.#query(`--query-gpu=${gpuColumns}`),
        // Refused to some users and by some devices, which still tell the rest.
        this.#query(`--query-compute-apps=${applicationColumns}`).catch(() => ''),
      ]);
      return [gpusOf(gpus, applications), false];
    } catch (error) {
      // One GPU that is lost fails the program, which tells of the others first.
      const told = gpusOf(outputOf(error), '');
      return [told.length > 0 ? told : undefined, systemErrorCode(error) === 'ENOENT'];
    }
  }

  async #query(query: string): Promise<string> {
    const options = { timeout: longestMs, killSignal: 'SIGKILL', maxBuffer: mostBytes } as const;
    const { stdout } = await run(this.#options.program, [query, '--format=csv,noheader,nounits'], options);
    return stdout;
  }
}

/** What a program that failed had printed. */
function outputOf(error: unknown): string {
  return error instanceof Error && 'stdout' in error && typeof error.stdout === 'string' ? error.stdout : '';
}

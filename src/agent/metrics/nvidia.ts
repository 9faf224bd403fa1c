import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
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
}

const defaults = { program: 'nvidia-smi', freshMs: 900, absentMs: 600_000 } satisfies NvidiaOptions;
/** A driver in trouble keeps its callers waiting. */
const timeoutMs = 5_000;
const mostBytes = 1024 * 1024;

/** NVIDIA's GPUs, as its own program tells of them. */
export class Nvidia {
  readonly #options: Required<NvidiaOptions>;
  #asked: Promise<GpuSample[] | undefined> | undefined;
  #freshUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: NvidiaOptions = {}) {
    this.#options = { ...defaults, ...options };
  }

  /** Undefined where there is no such program, or no driver that answers it. */
  read(): Promise<GpuSample[] | undefined> {
    if (this.#asked !== undefined && monotonicMs() < this.#freshUntilMs) return this.#asked;
    this.#freshUntilMs = Number.POSITIVE_INFINITY; // Until it has ended: never two at once.
    this.#asked = this.#ask();
    return this.#asked;
  }

  async #ask(): Promise<GpuSample[] | undefined> {
    let { freshMs } = this.#options;
    try {
      const [gpus, applications] = await Promise.all([
        this.#query(`--query-gpu=${gpuColumns}`),
        // Refused to some users and by some devices, which still tell the rest.
        this.#query(`--query-compute-apps=${applicationColumns}`).catch(() => ''),
      ]);
      return gpusOf(gpus, applications);
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') freshMs = this.#options.absentMs;
      return undefined; // Not known: no driver, or none that answers.
    } finally {
      this.#freshUntilMs = monotonicMs() + freshMs;
    }
  }

  async #query(query: string): Promise<string> {
    const options = { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: mostBytes } as const;
    const { stdout } = await run(this.#options.program, [query, '--format=csv,noheader,nounits'], options);
    return stdout;
  }
}

import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { sleep } from '../base/deadline.ts';
import { AppError, systemErrorCode } from '../contracts/errors.ts';

export interface TlsFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface TlsOptions {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly minVersion: 'TLSv1.2';
}

export interface CertificateUse {
  /** New connections are made with these from now on. */
  readonly apply: (options: TlsOptions) => void;
  readonly log: (line: string) => void;
}

export interface FollowOptions {
  /** How long between two looks at the files, in milliseconds. Default: 10000. */
  readonly everyMs?: number;
  readonly signal: AbortSignal;
}

const defaults = { everyMs: 10_000 };
const dayMs = 86_400_000;
/** Whoever renews it should have done so by then. */
const soonMs = 14 * dayMs;

/** A server's certificate chain and private key in PEM, which whoever renews them replaces while it serves. */
export class CertificateFiles {
  readonly #files: TlsFiles;
  #used: TlsOptions | undefined;
  #problem: string | undefined;
  readonly #now: () => number;
  #warnedOn: number | undefined;

  constructor(files: TlsFiles, now: () => number = Date.now) {
    this.#files = files;
    this.#now = now;
  }

  /** Raises `invalid-input` where they are no certificate and its key. */
  async read(): Promise<TlsOptions> {
    this.#used = await readPair(this.#files);
    return this.#used;
  }

  /**
   * Reads them again. What cannot be used is told, once for each reason, and what was read before stays in use. One that ends soon is
   * told each day.
   */
  async refresh(use: CertificateUse): Promise<void> {
    await this.#readAgain(use);
    this.#warn(use);
  }

  /** Refreshes them now and from time to time, until the signal. Raises nothing. */
  async follow(use: CertificateUse, { signal, everyMs = defaults.everyMs }: FollowOptions): Promise<void> {
    while (!signal.aborted) {
      await this.refresh(use);
      await sleep(everyMs, signal).catch(() => undefined); // Ended by the signal.
    }
  }

  async #readAgain({ apply, log }: CertificateUse): Promise<void> {
    try {
      const read = await readPair(this.#files);
      const isSame = this.#used?.cert.equals(read.cert) === true && this.#used.key.equals(read.key);
      if (!isSame) {
        apply(read);
        this.#used = read;
        log(
          `The certificate in "${this.#files.certificateFile}" is a new one, used from now on, until ${endOf(read).toISOString()}`,
        );
      }
      this.#problem = undefined;
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (problem !== this.#problem) log(`${problem}; the certificate before stays in use`);
      this.#problem = problem;
    }
  }

  #warn({ log }: CertificateUse): void {
    if (this.#used === undefined) return;
    const now = this.#now();
    const until = endOf(this.#used);
    const today = Math.floor(now / dayMs);
    if (until.getTime() - now > soonMs || this.#warnedOn === today) return;
    this.#warnedOn = today;
    const state = until.getTime() > now ? 'ends soon' : 'has expired';
    log(`The certificate in "${this.#files.certificateFile}" ${state}, at ${until.toISOString()}: put a new one there`);
  }
}

async function readPair(files: TlsFiles): Promise<TlsOptions> {
  const [cert, key] = await Promise.all([readPem(files.certificateFile), readPem(files.keyFile)]);
  try {
    createSecureContext({ cert, key });
    return { cert, key, minVersion: 'TLSv1.2' };
  } catch (cause) {
    const pair = `certificate "${files.certificateFile}" with key "${files.keyFile}"`;
    throw new AppError('invalid-input', `Cannot use ${pair}: they are no certificate in PEM and its private key`, {
      cause,
    });
  }
}

async function readPem(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    const state = systemErrorCode(cause) ?? 'unreadable';
    throw new AppError('invalid-input', `Cannot read certificate file "${file}": ${state}`, { cause });
  }
}

function endOf({ cert }: TlsOptions): Date {
  return new X509Certificate(cert).validToDate;
}

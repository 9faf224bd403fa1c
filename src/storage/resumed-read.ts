import { sleep } from '../base/deadline.ts';
import { retryDelayMs } from '../base/retry.ts';
import { AppError } from '../contracts/errors.ts';
import { leastBytesPerMs, patienceMsFor } from '../s3/s3-patience.ts';

/** An answer with what is left of some content. */
export interface Rest {
  readonly body: AsyncIterable<Uint8Array>;
  /** Where the content ends. */
  readonly totalBytes: number;
}

export interface ResumedReadOptions {
  /** For people, as in `blob "x" in s3://bucket/`. */
  readonly title: string;
  /** Asks for the content from `position` on. */
  readonly open: (position: number) => Promise<Rest>;
  /** What to raise after too many cuts. */
  readonly explain: (cause: unknown) => AppError;
  readonly now?: () => number;
  readonly pause?: (ms: number) => Promise<void>;
}

/** How many cuts in a row that bring nothing are survived. */
const mostCuts = 5;
const backoff = { delayMs: 200, maxDelayMs: 5_000 } as const;

const defaults = { now: () => performance.now(), pause: sleep } satisfies Partial<ResumedReadOptions>;

/** Content from its beginning to its end; goes on where a cut answer ended. How long its reader takes does not count. */
export async function* resumedRead(options: ResumedReadOptions): AsyncGenerator<Uint8Array> {
  const { title, open, explain, now, pause } = { ...defaults, ...options };
  let position = 0;
  let waitedMs = 0;
  const isTooSlow = () => waitedMs > patienceMsFor(position);
  for (let cuts = 0; ; ) {
    let since = now();
    let why: unknown = new Error('the answer ended early');
    const { body, totalBytes } = await open(position);
    try {
      for await (const chunk of body) {
        waitedMs += now() - since;
        position += chunk.length;
        if (chunk.length > 0) cuts = 0;
        yield chunk;
        since = now();
        if (isTooSlow()) break;
      }
    } catch (cause) {
      why = cause;
    }
    if (position >= totalBytes) return;
    if (++cuts > mostCuts) throw explain(why);
    const pauseMs = retryDelayMs(cuts, backoff);
    waitedMs += now() - since + pauseMs;
    if (isTooSlow()) throw tooSlow(title, why);
    await pause(pauseMs);
  }
}

function tooSlow(title: string, cause: unknown): AppError {
  return new AppError('unreachable', `Cannot read ${title}: it comes slower than ${leastBytesPerMs} kB/s`, {
    next: 'Check the network, and try again.',
    cause,
  });
}

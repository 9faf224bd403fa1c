import { subscribe } from 'node:diagnostics_channel';
import { renameSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';

/** What a server that was started with this file preloaded writes to the file `AGORA_BENCH_TIMES` names. */
export interface ServerTimes {
  /** Of polls that found nothing new: from the head of the request until the answer was handed to the kernel. */
  readonly pollMs: readonly number[];
  /** How late its event loop was. */
  readonly lateMs: { readonly p50: number; readonly p99: number };
  /** Its pauses to collect garbage: of what is young, and of all the rest. */
  readonly youngMs: readonly number[];
  readonly otherMs: readonly number[];
}

const resolutionMs = 5;
const path = '/agent/v1/desired';

/** Begins with one SIGUSR2, and ends with the next. */
function watchServer(file: string): void {
  const late = monitorEventLoopDelay({ resolution: resolutionMs });
  const startedAt = new WeakMap<IncomingMessage, number>();
  let pollMs: number[] | undefined;
  const pauses = { young: [] as number[], other: [] as number[] };
  const collections = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { duration, detail } = entry as typeof entry & { detail: { kind: number } }; // As Node documents it.
      pauses[detail.kind === constants.NODE_PERFORMANCE_GC_MINOR ? 'young' : 'other'].push(duration);
    }
  });
  subscribe('http.server.request.start', (message) => {
    const { request } = message as { request: IncomingMessage }; // As Node documents it.
    if (pollMs !== undefined && request.url === path) startedAt.set(request, performance.now());
  });
  subscribe('http.server.response.finish', (message) => {
    const { request, response } = message as { request: IncomingMessage; response: ServerResponse }; // As above.
    const since = startedAt.get(request);
    if (since !== undefined && response.statusCode === 304) pollMs?.push(performance.now() - since);
  });
  process.on('SIGUSR2', () => {
    if (pollMs === undefined) {
      pollMs = [];
      late.enable();
      collections.observe({ entryTypes: ['gc'] });
      return;
    }
    const percentile = (share: number) => Math.max(0, late.percentile(share) / 1e6 - resolutionMs);
    const times: ServerTimes = {
      pollMs,
      lateMs: { p50: percentile(50), p99: percentile(99) },
      youngMs: pauses.young,
      otherMs: pauses.other,
    };
    late.disable();
    collections.disconnect();
    pollMs = undefined;
    writeFileSync(`${file}.new`, JSON.stringify(times));
    renameSync(`${file}.new`, file);
  });
}

const file = process.env['AGORA_BENCH_TIMES'];
if (file !== undefined) watchServer(file);

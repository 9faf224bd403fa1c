import { readFile } from 'node:fs/promises';
import type { WorkerPlace } from '../contracts/worker-place.ts';
import { containerPlace } from './container-place.ts';
import { takeHandOver } from './hand-over.ts';
import { sealedReport } from './report.ts';
import { supervise } from './supervise.ts';
import { writeLog } from './worker-log.ts';

/** How long the subagent's end may take once nobody waits for the supervisor any more. */
const abandonedExitMs = 2_000;

// Installed before anything is read: a stop that comes early must not be lost.
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
process.on('SIGINT', () => stop.abort());

const abandoned = new AbortController();
abandoned.signal.addEventListener('abort', () => setTimeout(() => process.exit(1), abandonedExitMs));

const placeFile = process.argv[2];
(placeFile === undefined ? inContainer() : inPlace(placeFile)).then(
  () => process.exit(0),
  (error: unknown) => {
    writeLog(`agora worker: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);

async function inContainer(): Promise<void> {
  const place = containerPlace(process.env['PATH']);
  const { secrets, reportKey } = takeHandOver(0, place.paths.in);
  await supervise(place, { stdin: secrets, stop: stop.signal, abandoned });
  const report = await sealedReport(place.paths.out, reportKey);
  // Told before the process ends, which does not wait for its streams.
  if (report !== undefined) writeLog(report);
}

async function inPlace(file: string): Promise<void> {
  await supervise(await readPlace(file), { stdin: process.stdin, stop: stop.signal, abandoned });
}

async function readPlace(file: string): Promise<WorkerPlace> {
  // Only here: its schema takes longer to load than a container's supervisor to start.
  const { workerPlaceSchema } = await import('../contracts/worker-place.ts');
  return workerPlaceSchema.parse(JSON.parse(await readFile(file, 'utf8')));
}

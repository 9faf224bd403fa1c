import { readFile } from 'node:fs/promises';
import { workerPlaceSchema } from '../contracts/worker-place.ts';
import { containerPlace } from './container-place.ts';
import { supervise } from './supervise.ts';

/** How long the subagent's end may take once nobody waits for the supervisor any more. */
const abandonedExitMs = 2_000;

// Installed before anything is read: a stop that comes early must not be lost.
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
process.on('SIGINT', () => stop.abort());

const abandoned = new AbortController();
abandoned.signal.addEventListener('abort', () => setTimeout(() => process.exit(1), abandonedExitMs));

try {
  const placeFile = process.argv[2];
  const place =
    placeFile === undefined
      ? containerPlace(process.env['PATH'])
      : workerPlaceSchema.parse(JSON.parse(await readFile(placeFile, 'utf8')));
  await supervise(place, { stdin: process.stdin, stop: stop.signal, abandoned });
  process.exit(0);
} catch (error) {
  process.stderr.write(`agora worker: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

import { writeSync } from 'node:fs';

const logFile = 2;

/**
 * Writes to the worker's log, all of it before it returns; what nobody reads any more is lost. Not through
 * `process.stderr`: once that is used, the pipe refuses everything, the subagent's output too, that its reader is too slow for.
 */
export function writeLog(text: string): void {
  const bytes = Buffer.from(text);
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(logFile, bytes, at);
  } catch {
    // Whoever asked for it has the result file.
  }
}

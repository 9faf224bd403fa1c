import { createInterface } from 'node:readline';
import { LocalSource } from './local-source.ts';
import type { ReadingRequest } from './reading.ts';

/**
 * Runs in a container that sees the host's files: answers each line of stdin, a `ReadingRequest`, with a line of stdout, a `Reading`.
 * Ends with its stdin, so that it does not outlive the agent that asks. Loads nothing but its readers, to stay small.
 */
async function answerLines(root: string): Promise<void> {
  const source = new LocalSource({ root });
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line) as ReadingRequest; // Only the agent, of this same image, writes here.
    process.stdout.write(`${JSON.stringify(await source.read(request))}\n`);
  }
}

answerLines(process.argv[2] ?? '/host').catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});

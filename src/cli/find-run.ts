import { AppError } from '../contracts/errors.ts';
import { type RunId, runIdSchema } from '../contracts/ids.ts';
import type { MailboxSubmissionTransport } from '../orchestrator/submission-transport.ts';

/** The run a word names: its id, or a prefix that only one run has. Undefined when there is none. */
export async function findRun(transport: MailboxSubmissionTransport, word: string): Promise<RunId | undefined> {
  const known = await transport.runIds();
  return matchRun(word, known);
}

/** As `findRun`, but a run that is not there is an error naming those that are. */
export async function requireRun(transport: MailboxSubmissionTransport, word: string): Promise<RunId> {
  const known = await transport.runIds();
  const found = matchRun(word, known);
  if (found !== undefined) return found;
  throw new AppError('not-found', `Cannot find run "${word}": ${knownRuns(known)}`, { next: 'agora orch runs' });
}

/** Exact id first, then a unique prefix. An ambiguous prefix is an error that lists the candidates. */
export function matchRun(word: string, known: readonly RunId[]): RunId | undefined {
  const exact = known.find((id) => id === word);
  if (exact !== undefined) return exact;
  const matches = word === '' ? [] : known.filter((id) => id.startsWith(word));
  if (matches.length < 2) return matches[0];
  const shown = matches.slice(0, 5).join(', ') + (matches.length > 5 ? ', …' : '');
  throw new AppError('usage', `Cannot tell which run "${word}" is: ${matches.length} begin so: ${shown}`);
}

export function knownRuns(known: readonly RunId[]): string {
  if (known.length === 0) return 'there are no runs yet';
  return `the runs are ${known.slice(-10).join(', ')}${known.length > 10 ? ' and older ones' : ''}`;
}

/** The id a word must be to name a run that is not there yet. */
export function asRunId(word: string): RunId {
  const parsed = runIdSchema.safeParse(word);
  if (parsed.success) return parsed.data;
  const rule = parsed.error.issues[0]?.message ?? 'not a run id';
  throw new AppError('usage', `Cannot use run id "${word}": it ${rule}`);
}

import type { AgoraClient } from '../client/client.ts';
import { AppError } from '../contracts/errors.ts';
import { type DispatchId, dispatchIdSchema } from '../contracts/ids.ts';
import { listRecordIds } from '../dispatch/records.ts';

/** The dispatch a word names: its id, a prefix that only one has, or `<run>/<item>` for its newest attempt. */
export async function requireDispatch(client: AgoraClient, word: string): Promise<DispatchId> {
  if (word.includes('/')) return newestAttempt(client, word);
  const found = matchDispatch(word, await listRecordIds(client));
  if (found !== undefined) return dispatchIdSchema.parse(found);
  throw new AppError('not-found', `Cannot find dispatch "${word}": there is no record of one`, {
    next: 'agora dispatch list',
  });
}

/** Exact id first, then a unique prefix, with or without its `d-`. An ambiguous one is an error with the candidates. */
export function matchDispatch(word: string, known: readonly string[]): string | undefined {
  if (known.includes(word)) return word;
  const prefix = word.startsWith('d-') ? word : `d-${word}`;
  const matches = word === '' ? [] : known.filter((id) => id.startsWith(prefix));
  if (matches.length < 2) return matches[0];
  const shown = matches.slice(0, 5).join(', ') + (matches.length > 5 ? ', …' : '');
  throw new AppError('usage', `Cannot tell which dispatch "${word}" is: ${matches.length} begin so: ${shown}`);
}

async function newestAttempt(client: AgoraClient, word: string): Promise<DispatchId> {
  const [runId, itemId, ...rest] = word.split('/');
  const attempts = (await client.dispatch.list()).filter(({ run }) => run?.runId === runId && run?.itemId === itemId);
  const newest = attempts.sort((left, right) => (right.run?.attempt ?? 0) - (left.run?.attempt ?? 0))[0];
  if (newest !== undefined && rest.length === 0) return newest.dispatchId;
  throw new AppError('not-found', `Cannot find a dispatch of "${word}": no attempt of such an item is recorded`, {
    next: `agora orch status ${runId}`,
  });
}

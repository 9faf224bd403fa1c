import { suggestion } from '../base/suggest.ts';
import { AppError } from '../contracts/errors.ts';
import type { ItemView } from '../contracts/status.ts';
import type { RunState } from './run-state.ts';

/** The item a word names: its id, or a prefix only one item of the run has. */
export function findItem(state: RunState, word: string): ItemView {
  const items = [...state.items.values()];
  const exact = items.find((item) => item.id === word);
  if (exact !== undefined) return exact;
  const matches = word === '' ? [] : items.filter((item) => item.id.startsWith(word));
  const [only] = matches;
  if (only !== undefined && matches.length === 1) return only;
  const ids = items.map((item) => item.id);
  const problem =
    only === undefined ? `no such item${suggestion(word, ids)}` : `${matches.length} begin so: ${listed(matches)}`;
  throw new AppError('unknown-name', `Cannot find item "${word}" of run "${state.record.runId}": ${problem}`, {
    next: `agora orch status ${state.record.runId}`,
  });
}

function listed(items: readonly ItemView[]): string {
  return (
    items
      .slice(0, 5)
      .map(({ id }) => id)
      .join(', ') + (items.length > 5 ? ', …' : '')
  );
}
